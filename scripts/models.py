"""Model files with other numbers in them."""

import json


def numbers_of(model):
    """The numbers of a model file by their names in a run's `parameters`."""
    found = {name: entry["typical"] for name, entry in model["parameters"].items()}
    for name, entry in model["parameters"].items():
        found |= {f"{name}_{effect['covariate']}": effect["exponent"] for effect in entry.get("effects", [])}
    found |= {f"omega2_{name}": entry["variance"] for name, entry in model["variability"].items()}
    found |= {"corr_" + "_".join(entry["between"]): entry["value"] for entry in model["correlations"]}
    return found | {f"sigma_{name}": entry["log_sd"] for name, entry in model["residual"].items()}


def model_file(path, model, numbers):
    """The model with other numbers, as a file for this program."""
    lines = [f'{key} = "{model[key]}"' for key in ("name", "title", "structure", "source", "start")]
    for name, entry in model["parameters"].items():
        lines += [f"[parameters.{name}]", f"typical = {numbers[name]}", f'unit = "{entry["unit"]}"']
        for effect in entry.get("effects", []):
            covariate, form = effect["covariate"], effect["form"]
            lines += [f"[[parameters.{name}.effects]]", f'covariate = "{covariate}"', f'form = "{form}"']
            lines += [f"centre = {effect['centre']}", f"exponent = {numbers[f'{name}_{covariate}']}"]
    lines.append("[variability]")
    lines += [f"{name} = {{ variance = {numbers['omega2_' + name]} }}" for name in model["variability"]]
    for entry in model["correlations"]:
        between = entry["between"]
        lines += ["[[correlations]]", f"between = {json.dumps(between)}", f"value = {numbers['corr_' + '_'.join(between)]}"]
    lines.append("[residual]")
    lines += [f"{name} = {{ log_sd = {numbers['sigma_' + name]} }}" for name in model["residual"]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
