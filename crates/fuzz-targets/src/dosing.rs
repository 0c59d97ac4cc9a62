//! Target for dosing records: rows of cells that the input chooses.

use crate::data_set::check;
use crate::options::{BYTES, options};

/// Number of bytes for a row.
const ROW: usize = 6;
/// Maximum number of rows read from an input; another test measures the cost of many additional doses.
const ROWS: usize = 40;

const HEADER: &str = "ID,TIME,DV,AMT,EVID,MDV,CMT,DVID,RATE,ADDL,II,SS,CENS,LIMIT,WT,IGE\n";
const STEP: [f64; 8] = [0.0, 0.0, 0.0, 1.0, 14.0, 0.5, 1e-9, 1e300];
const AMT: [&str; 8] = ["300", "0", "", "150", "1e308", "5e-324", "-1", "0.1"];
const EVID: [&str; 8] = ["0", "1", "2", "3", "4", "1", "0", "5"];
const CMT: [&str; 4] = ["1", "2", "", "3"];
const RATE: [&str; 8] = ["", "0", "300", "10", "-1", "1e308", "5e-324", "21.428571428571427"];
const ADDL: [&str; 8] = ["", "0", "1", "5", "100", "10000", "0.5", "-1"];
const II: [&str; 8] = ["", "14", "0", "7", "1e308", "5e-324", "28", "1e-9"];
const SS: [&str; 4] = ["", "0", "1", "2"];
const DV: [&str; 8] = ["10", "", ".", "0", "420", "1e308", "5e-324", "-2"];
const CENS: [&str; 4] = ["", "0", "1", "-1"];

/// Reads a data set made of rows that the input chooses, after the bytes that choose the options.
pub fn dosing(bytes: &[u8]) {
    let Some((first, rows)) = bytes.split_first_chunk::<BYTES>() else { return };
    let [layout, _, third, fourth] = *first;
    check(table(rows).as_bytes(), &options([layout & 0x80, 0, third & !0x80, fourth & 0x3F]));
}

fn table(rows: &[u8]) -> String {
    let mut text = HEADER.to_owned();
    let (mut time, mut id) = (0.0, 1);
    for row in rows.chunks_exact(ROW).take(ROWS) {
        let of = |byte: usize, shift: u8, all: &'static [&'static str]| {
            all[usize::from(row[byte] >> shift) % all.len()]
        };
        if row[0] > 0xF0 {
            (time, id) = (0.0, id + 1);
        }
        time += STEP[usize::from(row[0] & 7)];
        let (evid, amt) = (of(0, 3, &EVID), of(1, 0, &AMT));
        let (cmt, rate) = (of(1, 3, &CMT), of(1, 5, &RATE));
        let (addl, ii, ss) = (of(2, 0, &ADDL), of(2, 3, &II), of(2, 6, &SS));
        let (dv, cens, limit) = (of(3, 0, &DV), of(3, 3, &CENS), of(3, 5, &DV));
        let (mdv, dvid) = (row[4] & 1, of(4, 1, &["1", "2", "3", ""]));
        let ige = if row[5] & 1 == 0 { "420" } else { "" };
        text += &format!(
            "{id},{time},{dv},{amt},{evid},{mdv},{cmt},{dvid},{rate},{addl},{ii},{ss},{cens},{limit},70,{ige}\n"
        );
    }
    text
}
