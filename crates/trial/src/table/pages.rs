//! Column of a row group as pages of a Parquet file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use polars::prelude::{PolarsResult, polars_bail};
use polars_arrow::array::{Array, DictionaryArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{ArrowDataType, IntegerType};
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::compression::compress as compress_bytes;
use polars_parquet::parquet::page::{DataPage, DataPageHeader, DataPageHeaderV1};
use polars_parquet::parquet::statistics::PrimitiveStatistics;
use polars_parquet::write::{
    CompressedPage, CompressionOptions, Descriptor, Encoding, Page, ParquetType, StatisticsOptions, Version,
    WriteOptions, ZstdLevel, array_to_columns, compress, write_def_levels,
};

use super::Values;

/// Number of values in a page.
const PAGE: usize = 1 << 16;
/// Number of bytes below which setting up a compression is not worthwhile.
const SMALL: usize = 1 << 12;
/// Number of leading bytes of numbers on which compression is tried; if there are no more bytes, all are compressed.
const SAMPLE: usize = 1 << 13;
/// Ratio of compressed to original size up to which numbers are compressed: the digits of computed numbers are noise,
/// and take the longest.
const WORTH: f64 = 0.9;
/// Number of rows from which texts are written without a dictionary if more than three in four are distinct.
const FEW: usize = 128;

/// Number of floating-point numbers that are written at a time.
const TOGETHER: usize = 64;

/// Options for encoding pages. The compression is chosen for each column.
pub(super) const OPTIONS: WriteOptions = WriteOptions {
    statistics: StatisticsOptions {
        min_value: true,
        max_value: true,
        distinct_count: false,
        null_count: true,
        binary_statistics_truncate_length: None,
    },
    version: Version::V1,
    compression: CompressionOptions::Uncompressed,
    data_page_size: None,
};

/// Pages of some rows of a column.
pub(super) fn pages(
    values: &Values,
    rows: Range<usize>,
    of: &ParquetType,
) -> PolarsResult<Vec<CompressedPage>> {
    let (pages, compression) = match values {
        Values::Float(values) => {
            let values = &values[rows];
            let pages: Vec<Page> =
                values.chunks(PAGE).map(|some| plain(some, of)).collect::<PolarsResult<_>>()?;
            let compression = worth(values, &pages)?;
            (pages, compression)
        }
        Values::Integer(values) => {
            let values = PrimitiveArray::<i64>::from(&values[rows]);
            (encoded(&values, of, Encoding::RleDictionary)?, zstandard())
        }
        Values::Text(values) => {
            let values = &values[rows];
            let pages = match dictionary(values) {
                Some(array) => encoded(&array, of, Encoding::RleDictionary)?,
                None => encoded(&Utf8ViewArray::from_slice_values(values), of, Encoding::Plain)?,
            };
            (pages, zstandard())
        }
    };
    pages.into_iter().map(|page| Ok(compress(page, Vec::new(), compression)?)).collect()
}

/// Pages that polars makes of an array.
fn encoded(array: &dyn Array, of: &ParquetType, encoding: Encoding) -> PolarsResult<Vec<Page>> {
    let columns = array_to_columns(array.to_boxed(), of.clone(), OPTIONS, &[encoding])?;
    columns.into_iter().flatten().collect()
}

/// Page of plainly encoded numbers, which polars would write byte by byte.
fn plain(values: &[f64], of: &ParquetType) -> PolarsResult<Page> {
    let ParquetType::PrimitiveType(of) = of else {
        polars_bail!(ComputeError: "numbers in a group of columns")
    };
    let missing = values.iter().filter(|value| value.is_nan()).count();
    let known = (missing > 0).then(|| values.iter().map(|value| !value.is_nan()).collect::<Bitmap>());
    let there: Cow<'_, [f64]> = if missing > 0 {
        values.iter().copied().filter(|value| !value.is_nan()).collect()
    } else {
        values.into()
    };
    let mut buffer = Vec::with_capacity(16 + values.len() / 8 + 8 * values.len());
    write_def_levels(&mut buffer, true, known.as_ref(), values.len(), Version::V1)?;
    // The numbers are written a few at a time, so that no byte is written twice.
    for some in there.chunks(TOGETHER) {
        let mut bytes = [[0; 8]; TOGETHER];
        for (bytes, value) in bytes.iter_mut().zip(some) {
            *bytes = value.to_le_bytes();
        }
        buffer.extend_from_slice(&bytes.as_flattened()[..8 * some.len()]);
    }
    let (least, largest) = ends(&there);
    let any = missing < values.len();
    // The format requires that zeros of both signs lie within the limits.
    let (least, largest) =
        (if least == 0.0 { -0.0 } else { least }, if largest == 0.0 { 0.0 } else { largest });
    let statistics = PrimitiveStatistics {
        primitive_type: of.clone(),
        null_count: Some(missing as i64),
        distinct_count: None,
        min_value: any.then_some(least),
        max_value: any.then_some(largest),
    };
    let header = DataPageHeaderV1 {
        num_values: values.len() as i32,
        encoding: Encoding::Plain.into(),
        definition_level_encoding: Encoding::Rle.into(),
        repetition_level_encoding: Encoding::Rle.into(),
        statistics: Some(statistics.serialize()),
    };
    let descriptor = Descriptor { primitive_type: of.clone(), max_def_level: 0, max_rep_level: 0 };
    let page = DataPage::new(DataPageHeader::V1(header), CowBuffer::Owned(buffer), descriptor, values.len());
    Ok(Page::Data(page))
}

/// Minimum and maximum of numbers, computed for eight numbers at a time.
fn ends(values: &[f64]) -> (f64, f64) {
    let (mut least, mut largest) = ([f64::INFINITY; 8], [f64::NEG_INFINITY; 8]);
    for some in values.chunks(8) {
        for ((least, largest), &value) in least.iter_mut().zip(&mut largest).zip(some) {
            *least = if value < *least { value } else { *least };
            *largest = if value > *largest { value } else { *largest };
        }
    }
    (least.into_iter().fold(f64::INFINITY, f64::min), largest.into_iter().fold(f64::NEG_INFINITY, f64::max))
}

/// Dictionary encoding of texts; `None` if nearly all are different.
fn dictionary(values: &[Arc<str>]) -> Option<DictionaryArray<u32>> {
    let most = if values.len() < FEW { values.len() } else { 3 * values.len() / 4 };
    let mut positions = HashMap::<&str, u32>::new();
    let (mut different, mut keys) = (Vec::new(), Vec::with_capacity(values.len()));
    let mut before: Option<(&Arc<str>, u32)> = None;
    for value in values {
        let key = match before {
            Some((same, key)) if Arc::ptr_eq(same, value) => key,
            _ => *positions.entry(value).or_insert_with(|| {
                different.push(&**value);
                different.len() as u32 - 1
            }),
        };
        if different.len() > most {
            return None;
        }
        before = Some((value, key));
        keys.push(key);
    }
    let kind = ArrowDataType::Dictionary(IntegerType::UInt32, Box::new(ArrowDataType::Utf8View), false);
    let different = Utf8ViewArray::from_slice_values(different);
    DictionaryArray::try_new(kind, PrimitiveArray::from_vec(keys), Box::new(different)).ok()
}

/// Whether numbers recur, however far apart. A fixed sample of all numbers is examined, chosen by their bits; zero,
/// which may stand for no value, is not in the sample.
fn repeat(values: &[f64]) -> bool {
    /// 2⁶⁴ divided by the golden ratio, whose multiples are spread evenly.
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let is_looked_at = |bits: &u64| (1..u64::MAX / 64).contains(&bits.wrapping_mul(SPREAD));
    let mut seen: Vec<u64> = values.iter().map(|value| value.to_bits()).filter(is_looked_at).collect();
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    (seen.len() as f64) < WORTH * all as f64
}

/// Compression for the pages of numbers.
fn worth(values: &[f64], pages: &[Page]) -> PolarsResult<CompressionOptions> {
    let Some(Page::Data(first)) = pages.first() else { return Ok(CompressionOptions::Uncompressed) };
    let bytes = first.buffer();
    if bytes.len() < SMALL {
        return Ok(CompressionOptions::Uncompressed);
    }
    if bytes.len() > SAMPLE && !repeat(values) {
        let mut compressed = Vec::new();
        compress_bytes(zstandard(), &bytes[..SAMPLE], &mut compressed)?;
        if (compressed.len() as f64) > WORTH * SAMPLE as f64 {
            return Ok(CompressionOptions::Uncompressed);
        }
    }
    Ok(zstandard())
}

fn zstandard() -> CompressionOptions {
    CompressionOptions::Zstd(ZstdLevel::try_new(1).ok())
}
