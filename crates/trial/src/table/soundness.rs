//! Check that the counts in a Parquet file agree.

use std::io::Cursor;

use polars_buffer::Buffer;
use polars_parquet::parquet::metadata::{ColumnChunkMetadata, FileMetadata};
use polars_parquet::parquet::page::CompressedPage;
use polars_parquet::parquet::read::get_page_iterator;

/// Whether all counts of rows in the file agree. The decoder allocates memory for a count before it reads the data: a
/// corrupt count would abort the process, which cannot be caught.
pub(super) fn counts_agree(metadata: &FileMetadata, bytes: &Buffer<u8>) -> bool {
    let rows = metadata.row_groups.iter().try_fold(0_usize, |sum, group| sum.checked_add(group.num_rows()));
    rows == Some(metadata.num_rows)
        && metadata.row_groups.iter().all(|group| {
            group.parquet_columns().iter().all(|column| {
                // Lists hold more values than there are rows; they are rejected by their type.
                let flat = column.descriptor().descriptor.max_rep_level == 0;
                let values = usize::try_from(column.num_values());
                values.is_ok_and(|values| {
                    (!flat || values == group.num_rows()) && pages_agree(column, values, bytes)
                })
            })
        })
}

/// Whether the pages of a column hold as many values as the column states.
fn pages_agree(column: &ColumnChunkMetadata, values: usize, bytes: &Buffer<u8>) -> bool {
    let range = column.byte_range();
    if range.start > range.end || range.end > bytes.len() as u64 {
        return false;
    }
    let Ok(pages) = get_page_iterator(column, Cursor::new(bytes.clone()), Vec::new(), bytes.len()) else {
        return false;
    };
    let mut seen = 0_usize;
    for page in pages {
        match page {
            Ok(CompressedPage::Data(page)) => match seen.checked_add(page.num_values()) {
                Some(sum) if sum <= values => seen = sum,
                _ => return false,
            },
            Ok(CompressedPage::Dict(_)) => {}
            Err(_) => return false,
        }
    }
    seen == values
}
