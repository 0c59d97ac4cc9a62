const LONGEST: usize = 40;
const EXTENSION: &str = ".svg";

/// The file name for a subject's figure, such as `0001_501.svg`.
///
/// ASCII letters, digits, `-` and `_` of the ID are kept, and every other character becomes `_`. The name has
/// at most 40 characters and is never a path. The index (the position of the subject in the data set)
/// distinguishes IDs that become equal in this way, and avoids the reserved names (`CON`, `NUL`) of some
/// systems.
///
/// ```
/// use omafit_report::file_name;
/// assert_eq!(file_name::for_id(1, "501"), "0001_501.svg");
/// assert_eq!(file_name::for_id(2, "../../etc/x"), "0002_______etc_x.svg");
/// ```
pub fn for_id(index: usize, id: &str) -> String {
    let mut name = format!("{index:04}");
    if !id.is_empty() {
        name.push('_');
    }
    let room = LONGEST.saturating_sub(name.len() + EXTENSION.len());
    name.extend(id.chars().take(room).map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
        _ => '_',
    }));
    name.push_str(EXTENSION);
    name
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hostile_ids_give_plain_names() {
        let long = "x".repeat(500);
        for (index, id) in [
            (0, ""),
            (7, "<img src=x onerror=alert(1)>"),
            (8, "..\\..\\boot"),
            (9, "患者\u{0}\n"),
            (10, "=cmd|' /C calc'!A0"),
            (usize::MAX, long.as_str()),
        ] {
            let name = for_id(index, id);
            let stem = name.strip_suffix(".svg").unwrap();
            assert!(name.len() <= LONGEST, "{name}");
            assert!(stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{name}");
        }
        assert_eq!(for_id(9, "患者\u{0}\n"), "0009_____.svg");
        assert_eq!(for_id(3, ""), "0003.svg");
    }

    #[test]
    fn ids_that_clean_up_alike_stay_apart() {
        assert_ne!(for_id(1, "a/b"), for_id(2, "a:b"));
    }
}
