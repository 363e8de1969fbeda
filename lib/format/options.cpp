#include "format/options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "options/fields.hpp"

namespace nn::format {

using options::Effect;

namespace {

constexpr std::int64_t most_rows = std::int64_t{1} << 40;

char parse_delimiter(std::string_view text) {
  if (text == "auto") return '\0';
  if (text == "\\t" || text == "tab") return '\t';
  if (text == "space") return ' ';
  if (text.size() != 1) fail_usage("'{}' is not one character; a tab is written '\\t'", printable(text));
  return text[0];
}

std::optional<char> parse_quote(std::string_view text) {
  if (text == "none") return '\0';
  if (text.size() != 1 || text[0] == '\0')
    fail_usage("'{}' is neither one character nor 'none'", printable(text));
  return text[0];
}

char parse_decimal(std::string_view text) {
  if (text != "." && text != ",") fail_usage("'{}' is neither '.' nor ','", printable(text));
  return text[0];
}

table::SplitPart parse_part(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    fail_usage("'{}' is not a part; write NAME:FRACTION, for example train:0.8", printable(text));
  }
  constexpr Interval fraction{.most = 1, .above = true};
  table::SplitPart part{std::string(text.substr(0, colon)),
                        parse_number_in(text.substr(colon + 1), fraction)};
  if (part.name.find('/') != std::string::npos)
    fail_usage("a part's name holds no '/': '{}'", printable(part.name));
  return part;
}

void add_format_options(options::List& list, SourceOptions& o) {
  CsvOptions& csv = o.csv;
  options::Group group(list, "Input format", Effect::input);
  group.add(
      {.name = "format",
       .value = "FORMAT",
       .help = "csv, tsv, json, npy, npz, idx, libsvm, stream (default: seen from the input)",
       .text =
           "Take the input for `csv`, `tsv`, `json`, `npy`, `npz`, `idx`, `libsvm` or `stream` whatever it "
           "looks like."},
      options::choice(o.format));
  group.add(
      {.name = "delimiter",
       .value = "CHAR",
       .help = "What stands between cells (default: auto, what the first lines show)",
       .text = "What stands between the cells of a line; a tab is written '\\t'.\n"
               "The default, `auto`, is a comma, or a tab in `.tsv` files, where all of the first hundred "
               "lines have as many cells by it and more than one; otherwise a comma, tab, semicolon or bar "
               "by which they have, or spaces between numbers.\n"
               "A comma gives way where only by another all lines but the first hold numbers.\n"
               "A first line 'sep=;', as spreadsheets write it, says it too.\n"
               "What is in doubt is said."},
      options::parsed(csv.delimiter, parse_delimiter, options::Kind::text, {"auto", "tab", "space"}));
  group.add(
      {.name = "quote",
       .value = "CHAR|none",
       .help = "What cells are quoted with (default: '\"', in tables of tabs only within a line)",
       .text =
           "What a cell begins and ends with that holds delimiters or line ends; or none, where quotes "
           "are characters as others are.\n"
           "The default is '\"'; in tables of tabs a cell counts as quoted only where the quote is closed "
           "in its line."},
      options::parsed(csv.quote, parse_quote, options::Kind::text, {"none"}));
  group.add(
      {.name = "escape",
       .value = "CHAR|none",
       .help = "What stands in front of a quote within quotes, besides a second one (default: a backslash "
               "where the text needs it)",
       .text =
           "What stands within quotes in front of a quote, or of itself, that is text; a quote may always "
           "be written twice.\n"
           "By default it is a backslash where the first lines cannot be read otherwise, which is "
           "said."},
      options::parsed(csv.escape, parse_quote, options::Kind::text, {"none"}));
  group.add(
      {.name = "decimal",
       .value = "CHAR",
       .help = "Decimal point of numbers: . or , (default: what a column's cells show)",
       .text = "What stands before the decimals of numbers: '.' or ','.\n"
               "The other one, a space or an apostrophe may divide groups of three digits.\n"
               "By default a column whose cells are all numbers in one of these ways is one of numbers, "
               "which is said."},
      options::parsed(csv.decimal, parse_decimal, options::Kind::text, {".", ","}));
  group.add({.name = "header",
             .help = "The first line names the columns",
             .text = "The first line holds the names of the columns."},
            options::flag([&csv] { csv.header = CsvOptions::Header::yes; }));
  group.add(
      {.name = "no-header",
       .help = "The first line is data; columns are c0, c1, … (default: a first line without numbers is "
               "a header)",
       .text = "The first line is data, and the columns are named c0, c1 and so on.\n"
               "With neither of the two, the first line is taken for a header when no cell of it is a "
               "number, or when those that are look like names: whole numbers that count from 0, or "
               "years, or such that only they are written without a point, or only they are quoted, in "
               "their columns. What was decided is said where it might be otherwise.\n"
               "The last one given counts."},
      options::flag([&csv] { csv.header = CsvOptions::Header::no; }));
  group.add(
      {.name = "encoding",
       .value = "NAME",
       .help = "Encoding of text, as iconv -l lists them (default: UTF-8, or what a byte order mark says)",
       .text = "The encoding of text, as iconv -l lists them.\n"
               "The default is UTF-8, and what a byte order mark says: UTF-16 or UTF-32."},
      options::text(csv.encoding));
  group.add({.name = "skip",
             .value = "N",
             .help = "Leave out so many lines at the start",
             .text = "Leave out the first *n* lines."},
            options::count(csv.skip, 0, most_rows));
  group.add({.name = "comment",
             .value = "TEXT",
             .help = "Leave out lines that start with TEXT",
             .text = "Leave out lines that start with *text*."},
            options::text(csv.comment));
  group.add(
      {.name = "missing",
       .value = "TEXT",
       .help = "A cell TEXT is a missing value, as empty, NA and nan are (repeatable)",
       .text = "A cell *text* is a missing value, quoted or not.\n"
               "The empty cell is one as well, and so are 'NA' and 'nan' unless they are quoted or "
               "--no-default-missing is given.\n"
               "In columns of numbers so are the words that other programs write for a missing one: NULL, "
               "None, N/A, #N/A, ?, - and the like, which is said.\nMay be repeated."},
      options::texts(csv.missing));
  group.add({.name = "no-default-missing",
             .help = "NA and nan are texts as others are",
             .text = "'NA' and 'nan' are texts as others are; empty cells are still missing values."},
            options::flag([&csv] { csv.usual_missing = false; }));
  group.add({.name = "text",
             .value = "COLUMN[,COLUMN...]",
             .help = "Read as text even what looks like numbers",
             .text = "Read the column as text even where its cells look like numbers."},
            options::columns(csv.text));
  group.add(
      {.name = "number",
       .value = "COLUMN[,COLUMN...]",
       .help = "Read as numbers",
       .text = "Read the column as numbers; a cell that is none is an error.\n"
               "Without a word about it a column whose numbers are all in quotes, where another column has "
               "none, is one of texts, which is said."},
      options::columns(csv.number));
  group.add({.name = "features",
             .value = "N",
             .help = "Width of LIBSVM rows (default: the largest index in the files)",
             .text = "The width of LIBSVM rows.\n"
                     "The default is the largest index in the files, which takes a pass over them; a pipe is "
                     "kept in memory for that."},
            options::count(o.features, 1, INT32_MAX));
  group.add(
      {.name = "zero-based",
       .value = "WHEN",
       .help = "Whether LIBSVM's indices count from 0: auto, yes, no (default: auto, where there is a 0)",
       .text = "Whether LIBSVM's indices count from 0: `yes`, `no`, or `auto`, the default: they do where "
               "one of them is 0, which is said."},
      options::choice(o.zero_based));
  group.add({.name = "max-frame",
             .value = "BYTES",
             .help = "Limit for one message, or one row of text (default: {default})",
             .text = "The most that one message of a stream, or one row of text, may take.\n"
                     "'64K', '64M' and '1G' are understood; the default is {default}."},
            max_frame_field(o.limits.max_frame));
  group.add(
      {.name = "readers",
       .value = "N",
       .help = "Threads that read; the result is the same whatever the number (default: {default})",
       .text = "Read with *n* threads: a large CSV file in pieces, compressed and small files several at "
               "a time.\nWhat is read ahead stays within 64 MiB.\n"
               "The result is the same whatever the number.",
       .effect = Effect::local},
      options::count(o.readers, 1, 256));
}

void add_column_options(options::List& list, SourceOptions& o) {
  options::Group group(list, "Columns (by name, number from 0, or 'last')", Effect::input);
  group.add({.name = "label",
             .value = "COLUMN",
             .help = "Classes to learn; becomes column y",
             .text = "The classes to learn.\nThe column becomes the last one and is named y: whole numbers "
                     "where all its values are, else categories."},
            options::column(o.columns.label));
  group.add({.name = "target",
             .value = "COLUMN[,COLUMN...]",
             .help = "Numbers to learn; becomes column y (repeatable)",
             .text = "The numbers to learn; the column becomes y likewise.\n"
                     "Several columns become one tensor y, and their names are those of its elements."},
            options::joined_columns(o.columns.target));
  group.add({.name = "labels",
             .value = "FILE",
             .help = "IDX or npy file with a label for each row (one per input)",
             .text = "Take y from an IDX or `.npy` file of one label a row.\nOne such file for each input."},
            options::files(o.labels_files, options::data_files));
  group.add({.name = "trim-label",
             .value = "CHARS",
             .help = "Strip these characters from both ends of label texts",
             .text = "Strip these characters from both ends of a label that is text."},
            options::text(o.columns.trim_label));
  group.add({.name = "id",
             .value = "COLUMN",
             .help = "Passed through as column id, not learned from",
             .text = "The identity of the rows.\nThe column is passed through as id, to the byte, and not "
                     "learned from.\n"
                     "Columns that are called id and y are what these names say; of tables that these tools "
                     "didn't write a "
                     "warning says so, and --rename gives them other names."},
            options::column(o.columns.id));
  group.add(
      {.name = "sample-weight",
       .value = "COLUMN",
       .help = "How much each row counts, in training and in figures; becomes column sample_weight",
       .text = "How much each row counts, a number of at least 0: in the loss that training minimises, in "
               "the figures of validation, and in those of nn-eval, to which nn-predict passes it on.\n"
               "The column becomes sample_weight, and one of that name is taken as such.\n"
               "In training weights are scaled to a mean of 1."},
      options::column(o.columns.weight));
  group.add(
      {.name = "select",
       .value = "COLUMN[,COLUMN...]",
       .help = "Keep only these columns (besides y and id)",
       .text = "Leave out all columns but these, y and id.\n"
               "A name that has a comma is written in double quotes, here and in other lists of columns."},
      options::columns(o.columns.select));
  group.add({.name = "drop", .value = "COLUMN[,COLUMN...]", .help = "Leave these columns out"},
            options::columns(o.columns.drop));
  group.add({.name = "rename",
             .value = "OLD=NEW",
             .help = "Give a column another name, before all else (repeatable)",
             .text = "Call the column *old* *new*.\n"
                     "Columns are renamed before all else but reading: other options but --text and --number "
                     "mean the new "
                     "names.\nMay be repeated."},
            options::each(o.columns.rename, table::parse_renaming));
}

void add_row_options(options::List& list, SourceOptions& o, bool reader_only) {
  options::Group group(list, "Rows (in this order)", Effect::input);
  group.add({.name = "where",
             .value = "CONDITION",
             .help = "Rows for which this is true: 'age > 30 and sex = \"f\"'",
             .text = "Only rows for which *condition* is true, such as 'age > 30 and sex = \"f\"'.\n"
                     "It may use columns that are left out otherwise; nn-tools(7) has the language."},
            options::condition(o.columns.where));
  group.add({.name = "drop-unlabelled",
             .help = "Leave out rows whose label or target is missing",
             .text = "Leave out rows whose label or target is missing, and say how many.\n"
                     "Rows are counted without them."},
            options::flag(o.columns.drop_unlabelled));
  group.add({.name = "rows",
             .value = "FIRST:END",
             .help = "Rows FIRST:END, counted from 0; END is the first one left out",
             .text = "Rows from *first* up to but without *end*, counted from 0 over all inputs.\n"
                     "Either may be left out."},
            options::parsed(o.rows.range, table::parse_row_range));
  group.add({.name = "shard",
             .value = "I/N",
             .help = "Every N-th row, beginning with row I",
             .text = "Row *i* and every *n*-th one after it."},
            options::parsed(o.rows.shard, table::parse_shard));
  group.add(
      {.name = "sample",
       .value = "N|PERCENT%",
       .help = "N rows drawn at random, or each with this chance, such as 10%",
       .text =
           "Draw *n* rows at random, each with the same chance, and keep their order; no more than these are "
           "in memory, and they come when the input has ended.\n"
           "With a percentage each row is drawn with that chance, at once."},
      options::parsed(o.rows.sample, table::parse_sample));
  group.add({.name = "split",
             .value = "NAME:FRACTION",
             .help = "Split rows into parts by a hash of their content (repeatable)",
             .text = "Split the rows into parts by a hash of their content; repeated, once for each part.\n"
                     "Equal rows always meet in the same part, whatever the order and format of the input, "
                     "and the fractions hold on average."},
            options::each(o.rows.split, parse_part));
  group.add({.name = "part",
             .value = "NAME",
             .help = "The part to read (default: the first)",
             .text = "The part of the split to read, instead of the first."},
            options::text(o.rows.part));
  group.add(
      {.name = "stratify",
       .value = "COLUMN",
       .help = "Split the rows of each value of this column alike",
       .text = "Split the rows of each value of the column, such as a class, in the fractions of --split: of "
               "*n* such rows a part has its share of *n* to within one row, beside equal rows, which still "
               "meet.\n"
               "The order of the input has no effect.\nAll rows are kept in memory until they are read.",
       .excludes = "group"},
      options::column(o.rows.stratify));
  group.add(
      {.name = "group",
       .value = "COLUMN",
       .help = "Rows with one value of this column stay in one part of --split",
       .text = "Split by a hash of this column alone, so that all rows of a patient, say, are in one part; "
               "the fractions are of values.\n"
               "The column may be one that is left out otherwise."},
      options::column(o.rows.group));
  if (!reader_only) {
    group.add({.name = "split-seed",
               .value = "N",
               .help = "Of --sample and --split (default: {default})",
               .text = "Another seed gives another --sample and --split.\nThe default is {default}."},
              options::count(o.rows.seed, 0));
    return;
  }
  group.add(
      {.name = "seed",
       .value = "N",
       .help = "Of --sample, --split and --shuffle (default: {default})",
       .text = "Another seed gives another --sample, --split and --shuffle.\nThe default is {default}."},
      options::count(o.rows.seed, 0));
  group.add(
      {.name = "shuffle",
       .value = "N",
       .help = "Shuffle all rows, or within a buffer of N",
       .text = "Shuffle all rows in memory, or stream them through a buffer of *n* rows, each leaving it "
               "at random."},
      options::optional_count(o.rows.shuffle, 0, 1, most_rows));
  group.add({.name = "repeat",
             .value = "N",
             .help = "Read the inputs N times, or for ever",
             .text = "Read the inputs *n* times, or for ever; each time is shuffled differently.\n"
                     "The inputs have to be files."},
            options::optional_count(o.rows.repeat, 0, 1, most_rows));
  group.add({.name = "batch",
             .value = "N",
             .help = "Rows of a batch (default: as they come)",
             .text = "Cut the stream into batches of *n* rows, the last one excepted.\n"
                     "By default they are cut as they are read."},
            options::count(o.rows.batch, 1, 1 << 24));
}

}  // namespace

const EnumNames<FileFormat>& enum_names(FileFormat) {
  static constexpr EnumName<FileFormat> table[] = {{FileFormat::automatic, "automatic"},
                                                   {FileFormat::csv, "csv"},
                                                   {FileFormat::tsv, "tsv"},
                                                   {FileFormat::json, "json"},
                                                   {FileFormat::npy, "npy"},
                                                   {FileFormat::npz, "npz"},
                                                   {FileFormat::idx, "idx"},
                                                   {FileFormat::libsvm, "libsvm"},
                                                   {FileFormat::stream, "stream"}};
  static constexpr EnumNames<FileFormat> names{"a format", table};
  return names;
}

const EnumNames<ZeroBased>& enum_names(ZeroBased) {
  static constexpr EnumName<ZeroBased> table[] = {
      {ZeroBased::automatic, "auto"}, {ZeroBased::yes, "yes"}, {ZeroBased::no, "no"}};
  static constexpr EnumNames<ZeroBased> names{"an answer", table};
  return names;
}

std::uint64_t parse_max_frame(std::string_view text) {
  const std::uint64_t bytes = parse_bytes(text);
  if (bytes < 1024 || bytes > (std::uint64_t{1} << 31) - 1) {
    fail_usage("'{}': must be from 1K to 2G-1 bytes", printable(text));
  }
  return bytes;
}

options::Field max_frame_field(std::uint64_t& max_frame) {
  return options::bytes(max_frame, parse_max_frame);
}

options::List option_list(SourceOptions& source, bool reader_only) {
  options::List list;
  add_format_options(list, source);
  add_column_options(list, source);
  add_row_options(list, source, reader_only);
  return list;
}

options::Option input_argument(SourceOptions& source) {
  return options::argument("input", "INPUT", "Files of data; none, or '-', is standard input",
                           options::files(source.inputs, options::data_files));
}

std::vector<std::string> input_files(const SourceOptions& source) {
  std::vector<std::string> files = source.inputs;
  if (files.empty()) files.emplace_back("-");
  files.insert(files.end(), source.labels_files.begin(), source.labels_files.end());
  return files;
}

}  // namespace nn::format
