//! Row groups of a Parquet file that is still being written.

use std::io::Cursor;

use polars::prelude::{PolarsResult, polars_bail};
use polars_buffer::Buffer;
use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::read::{PageMetaData, PageReader};
use polars_parquet::write::{CompressedPage, SchemaDescriptor};
use serde::{Deserialize, Serialize};

/// Number of rows in a row group, which readers skip or read as a whole; rows are held back until they fill one.
pub(super) const ROW_GROUP: usize = 1 << 17;

/// Complete row group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    /// Position in the file at which each column begins, and whether the column is compressed.
    pub columns: Vec<(u64, bool)>,
    /// Position in the file at which the row group ends.
    pub end: u64,
}

/// Whether a page is compressed.
pub(super) fn is_compressed(page: &CompressedPage) -> bool {
    let compression = match page {
        CompressedPage::Data(page) => page.compression(),
        CompressedPage::Dict(page) => page.compression(),
    };
    compression != Compression::Uncompressed
}

/// Pages of each column of a row group, from the bytes up to the end of the group; the first byte is at `from` in the
/// file.
pub(super) fn encoded_pages(
    bytes: Vec<u8>,
    from: u64,
    group: &Group,
    schema: &SchemaDescriptor,
) -> PolarsResult<Vec<Vec<CompressedPage>>> {
    let most = bytes.len();
    if Some(most as u64) != group.end.checked_sub(from) || group.columns.len() != schema.columns().len() {
        polars_bail!(ComputeError: "a row group is not what it was");
    }
    let bytes = Buffer::from_vec(bytes);
    let mut columns = Vec::new();
    for (column, &(start, is_compressed)) in schema.columns().iter().zip(&group.columns) {
        let compression = if is_compressed { Compression::Zstd } else { Compression::Uncompressed };
        let what = PageMetaData::new(start, ROW_GROUP as i64, compression, column.descriptor.clone());
        let mut at = Cursor::new(bytes.clone());
        at.set_position(start.saturating_sub(from));
        let mut pages = Vec::new();
        for page in PageReader::new_with_page_meta(at, what, Vec::new(), most) {
            let mut page = page?;
            if let CompressedPage::Data(page) = &mut page {
                // Each row has one value.
                page.num_rows = Some(page.num_values());
            }
            pages.push(page);
        }
        columns.push(pages);
    }
    Ok(columns)
}
