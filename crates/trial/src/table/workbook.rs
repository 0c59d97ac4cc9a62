//! Tables as a workbook (XLSX), with one sheet per table.

use omafit_model::PopulationModel;
use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::{Column, Table, TableError, Values};
use crate::definitions::{Definition, definition};

/// Maximum number of rows in a sheet.
const SHEET_ROWS: usize = 1 << 20;
/// Number of rows before the values: names and units.
const HEADER_ROWS: usize = 2;
/// Minimum and maximum width of a column, characters.
const WIDTHS: (usize, usize) = (9, 40);
/// Number of digits of a column's largest number that are shown; cells keep all digits.
const DIGITS: i32 = 5;
/// Name of the sheet with the definitions of the columns.
const DEFINITIONS: &str = "definitions";

/// Workbook of the tables of a run of a model: one sheet per table, with the names of the columns, a row of units, and
/// the values below, which scroll under both; and a sheet of definitions. Numbers keep all their digits. Text is never
/// a formula: text that begins like a formula (with = + - @, or a tab or return) is marked as text, as by a leading
/// apostrophe in a spreadsheet, and keeps its characters.
///
/// The second value holds the names of tables that have more rows than a sheet can hold, and are left out.
///
/// # Errors
/// [`TableError::Write`] if a text is longer than a cell can hold (32,767 characters).
pub fn workbook(model: &PopulationModel, tables: &[Table]) -> Result<(Vec<u8>, Vec<String>), TableError> {
    let failed = |table: &str| {
        let table = table.to_owned();
        move |source: XlsxError| TableError::Write { table, source: source.into() }
    };
    let mut book = Workbook::new();
    // Equal runs give equal bytes.
    let epoch = ExcelDateTime::from_ymd(2000, 1, 1).map_err(failed("workbook"))?;
    book.set_properties(&DocProperties::new().set_title("omafit run").set_creation_datetime(&epoch));
    let styles = Styles::new();
    let (mut defined, mut left_out) = (Vec::new(), Vec::new());
    for table in tables {
        if table.rows() + HEADER_ROWS > SHEET_ROWS {
            left_out.push(table.name().to_owned());
            continue;
        }
        let definitions: Vec<_> =
            table.columns.iter().map(|column| definition(table.name(), &column.name, model)).collect();
        let units: Vec<String> =
            definitions.iter().map(|d| d.as_ref().map_or(String::new(), |(_, unit)| unit.clone())).collect();
        fill(book.add_worksheet(), table, &units, &styles).map_err(failed(table.name()))?;
        let named = table.columns.iter().zip(definitions);
        defined.extend(named.filter_map(|(column, d)| Some((column.name.clone(), d?))));
    }
    let table = definitions_table(&defined)?;
    fill(book.add_worksheet(), &table, &[], &styles).map_err(failed(DEFINITIONS))?;
    Ok((book.save_to_buffer().map_err(failed("workbook"))?, left_out))
}

/// Column with its definition and its unit.
type Defined = (String, (Definition, String));

/// Table of the definitions of the columns in the sheets.
fn definitions_table(defined: &[Defined]) -> Result<Table, TableError> {
    let text =
        |name: &str, of: &dyn Fn(&Defined) -> String| Column::new(name, Values::text(defined.iter().map(of)));
    let columns = vec![
        text("table", &|(_, (d, _))| d.table.into()),
        text("column", &|(name, _)| name.clone()),
        text("unit", &|(_, (_, unit))| unit.clone()),
        // A sheet has no links and no markup.
        text("definition", &|(_, (d, _))| {
            d.meaning
                .replace('`', "")
                .replace("[Reconstruction](../methods/reconstruction.md)", "the methods")
        }),
    ];
    Table::new(DEFINITIONS, columns)
}

struct Styles {
    name: Format,
    unit: Format,
    text: Format,
    guarded: Format,
}

impl Styles {
    fn new() -> Self {
        let ruled = Format::new().set_border_bottom(FormatBorder::Thin);
        Self {
            name: Format::new().set_bold().set_background_color(Color::RGB(0x00E8_EEF4)),
            unit: ruled.set_italic().set_font_color(Color::RGB(0x0060_6060)),
            text: Format::new(),
            guarded: Format::new().set_quote_prefix(),
        }
    }

    /// Format of a text: marked as text if it begins like a formula.
    fn of(&self, text: &str) -> &Format {
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { &self.guarded } else { &self.text }
    }
}

fn fill(sheet: &mut Worksheet, table: &Table, units: &[String], styles: &Styles) -> Result<(), XlsxError> {
    sheet.set_name(table.name())?;
    for (at, column) in table.columns.iter().enumerate() {
        let Ok(x) = u16::try_from(at) else { return Err(XlsxError::RowColumnLimitError) };
        let unit = units.get(at).map_or("", String::as_str);
        sheet.write_string_with_format(0, x, &column.name, &styles.name)?;
        sheet.write_string_with_format(1, x, unit, &styles.unit)?;
        let longest = column.name.chars().count().max(unit.chars().count());
        let longest = longest.max(values(sheet, x, &column.values, styles)?);
        sheet.set_column_width(x, (longest + 2).clamp(WIDTHS.0, WIDTHS.1) as f64)?;
    }
    if let (Ok(rows), Ok(columns)) = (u32::try_from(table.rows()), u16::try_from(table.columns.len())) {
        // Names, units and the first column stay; filters sit on the units.
        sheet.set_freeze_panes(HEADER_ROWS as u32, 1)?;
        if rows > 0 && columns > 0 {
            sheet.autofilter(1, 0, rows + 1, columns - 1)?;
        }
    }
    Ok(())
}

/// Writes the values of a column, and returns the length of the longest.
fn values(sheet: &mut Worksheet, x: u16, values: &Values, styles: &Styles) -> Result<usize, XlsxError> {
    let mut longest = 0;
    match values {
        Values::Text(values) => {
            for (y, value) in rows(values).filter(|(_, value)| !value.is_empty()) {
                sheet.write_string_with_format(y, x, &**value, styles.of(value))?;
                longest = longest.max(value.chars().count());
            }
        }
        Values::Integer(values) => {
            let format = Format::new().set_num_format("0");
            for (y, value) in rows(values) {
                if let Some(value) = value {
                    sheet.write_number_with_format(y, x, *value as f64, &format)?;
                    longest = longest.max(value.to_string().len());
                }
            }
        }
        Values::Float(values) => {
            let (format, width) = number_format(values);
            let format = Format::new().set_num_format(format);
            for (y, value) in rows(values).filter(|(_, value)| !value.is_nan()) {
                if value.is_finite() {
                    sheet.write_number_with_format(y, x, *value, &format)?;
                } else {
                    // A spreadsheet has no infinity.
                    sheet.write_string(y, x, if *value > 0.0 { "∞" } else { "-∞" })?;
                }
                longest = longest.max(width);
            }
        }
    }
    Ok(longest)
}

/// Values with the rows of the sheet to which they are written.
fn rows<T>(values: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (HEADER_ROWS as u32..).zip(values)
}

/// Number format of a column, and its width in characters: integers as such, other numbers with the decimals at which
/// the largest shows its first digits; scientific notation if there would be no decimals, or too many.
fn number_format(values: &[f64]) -> (String, usize) {
    let finite = || values.iter().filter(|value| value.is_finite());
    let largest = finite().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let magnitude = if largest > 0.0 { largest.log10().floor() as i32 } else { 0 };
    if magnitude < 9 && finite().all(|value| value.fract() == 0.0) {
        return ("0".to_owned(), magnitude.max(0) as usize + 2);
    }
    if !(-4..9).contains(&magnitude) {
        return ("0.0000E+00".to_owned(), 11);
    }
    let decimals = (DIGITS - 1 - magnitude).max(1) as usize;
    (format!("0.{}", "0".repeat(decimals)), magnitude.max(0) as usize + decimals + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_their_first_digits() {
        let of = |values: &[f64]| number_format(values).0;
        assert_eq!(of(&[0.175_68, 0.2]), "0.00000");
        assert_eq!(of(&[1.5, -226.25]), "0.00");
        assert_eq!(of(&[1.0, f64::NAN, 12.0]), "0");
        assert_eq!(of(&[1e-9, 2.5e-8]), "0.0000E+00");
        assert_eq!(of(&[1234.5, f64::INFINITY]), "0.0");
        assert_eq!(of(&[]), "0");
    }
}
