//! Target for mappings, and for reading with them.

use crate::data_set::refused;
use crate::files::file;
use omafit_trial::{Mapping, ReadOptions, read};

/// Data set to which most mappings can be applied.
const DATA: &str = "USUBJID,AFRLT,AVAL,PARAMCD,AMT,EVID,SS,II,WTBL,IGE,AGE,SEX,EXCLFL,DV,ID,TIME,DVID,WT\n\
    A,0,,,300,1,0,0,70,420,40,F,N,,1,0,,70\nA,168,12.5,OMA,,0,,,70,420,40,F,N,12.5,1,7,1,70\n\
    A,336,11,OMA,,0,,,70,420,40,F,Y,11,1,14,1,70\n";

/// Reads a mapping and a data set with it, and asserts that the options as a run records them are read back unchanged.
pub fn mapping(bytes: &[u8]) {
    let path = file("study.toml", bytes);
    let mapping = match Mapping::read(&path) {
        Ok(mapping) => mapping,
        Err(rejection) => return refused(&rejection),
    };
    let mut options = ReadOptions::default();
    mapping.apply(&mut options);
    match read(&file("data", DATA.as_bytes()), &options) {
        Ok(_) => {
            let json = serde_json::to_string(&options).expect("options");
            let again: ReadOptions = serde_json::from_str(&json).expect("options that were recorded");
            assert!(again == options, "{json}");
        }
        Err(rejection) => refused(&rejection),
    }
}
