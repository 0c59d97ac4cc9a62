# To be sourced: `stage NAME COMMAND...` runs the command, says how long it took, and ends the script if it fails.
stage() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$name" >&2
    if "$@"; then
        printf '== %s: %d s\n' "$name" $((SECONDS - start)) >&2
    else
        local code=$?
        printf '== %s: FAILED (exit %d) after %d s\n' "$name" "$code" $((SECONDS - start)) >&2
        exit "$code"
    fi
}

skip() {
    printf '\n== %s: skipped, %s\n' "$1" "$2" >&2
}

target=${CARGO_TARGET_DIR:-target}
