//! Row groups of a Parquet file that has no end yet.

use std::io::Cursor;

use polars::prelude::{PolarsResult, polars_bail};
use polars_buffer::Buffer;
use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::read::{PageMetaData, PageReader};
use polars_parquet::write::{CompressedPage, SchemaDescriptor};
use serde::{Deserialize, Serialize};

/// Rows that are held back until they make a row group: what readers skip or take as a whole.
pub(super) const ROW_GROUP: usize = 1 << 17;

/// A row group that is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    /// Where in the file each of its columns begins, and whether that is compressed.
    pub columns: Vec<(u64, bool)>,
    /// Where it ends.
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

/// The pages of each column of a row group, from bytes up to its end of which the first is at `from` in the file.
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
                // A row has one value.
                page.num_rows = Some(page.num_values());
            }
            pages.push(page);
        }
        columns.push(pages);
    }
    Ok(columns)
}
