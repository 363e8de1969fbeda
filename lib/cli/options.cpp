#include "cli/options.hpp"

#include <map>

#include "base/parse.hpp"

namespace nn::cli {
namespace {

const std::map<std::string, format::FileFormat> formats = {{"automatic", format::FileFormat::automatic},
                                                           {"csv", format::FileFormat::csv},
                                                           {"tsv", format::FileFormat::tsv},
                                                           {"npy", format::FileFormat::npy},
                                                           {"npz", format::FileFormat::npz},
                                                           {"idx", format::FileFormat::idx},
                                                           {"libsvm", format::FileFormat::libsvm},
                                                           {"stream", format::FileFormat::stream}};

format::FileFormat parse_format(std::string_view name) {
  const auto found = formats.find(std::string(name));
  if (found != formats.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, format] : formats) names.push_back(known);
  const auto meant = closest(name, names);
  fail_usage("'{}' is not a format{}; there are csv, tsv, npy, npz, idx, libsvm, stream and automatic",
             printable(name), meant ? fmt::format(" (did you mean {}?)", *meant) : std::string());
}

char parse_delimiter(std::string_view text) {
  if (text == "\\t" || text == "tab") return '\t';
  if (text == "space") return ' ';
  if (text.size() != 1) fail_usage("'{}' is not one character; a tab is written '\\t'", printable(text));
  return text[0];
}

table::SplitPart parse_part(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    fail_usage("'{}' is not a part; write NAME:FRACTION, for example train:0.8", printable(text));
  }
  table::SplitPart part{std::string(text.substr(0, colon)), parse_number(text.substr(colon + 1))};
  if (part.name.find('/') != std::string::npos)
    fail_usage("a part's name holds no '/': '{}'", printable(part.name));
  if (!(part.fraction > 0 && part.fraction <= 1)) {
    fail_usage("'{}': the fraction must be over 0 and at most 1", printable(text));
  }
  return part;
}

std::uint64_t parse_seed(std::string_view text) {
  const std::int64_t seed = parse_integer(text);
  if (seed < 0) fail_usage("'{}' is not a seed; write a whole number from 0", printable(text));
  return static_cast<std::uint64_t>(seed);
}

std::uint64_t parse_frame(std::string_view text) {
  const std::uint64_t bytes = parse_bytes(text);
  if (bytes < 1024 || bytes > (std::uint64_t{1} << 31) - 1) {
    fail_usage("'{}': a message is limited to between 1K and 2G-1 bytes", printable(text));
  }
  return bytes;
}

template <std::int64_t least, std::int64_t most>
std::int64_t parse_count(std::string_view text) {
  const std::int64_t count = parse_integer(text);
  if (count < least || count > most) fail_usage("'{}': must be from {} to {}", printable(text), least, most);
  return count;
}

constexpr std::string_view bare_flag = "true";  // what CLI11 gives for an option without =VALUE
constexpr std::int64_t most_rows = std::int64_t{1} << 40;

// Runs `apply` on an option's value; errors name the option.
CLI::Option* add(CLI::App& app, const std::string& name, const std::string& help,
                 const std::function<void(const std::string&)>& apply) {
  return app.add_option_function<std::string>(
      name,
      [name, apply](const std::string& text) {
        try {
          apply(text);
        } catch (const Error& error) {
          throw CLI::ValidationError(name, error.what());
        }
      },
      help);
}

// May be given several times, with several columns at once.
void add_columns(CLI::App& app, const std::string& name, std::vector<std::string>& columns,
                 const std::string& help) {
  app.add_option(name, columns, help)->delimiter(',')->type_name("COLUMN,...")->allow_extra_args(false);
}

void add_format_options(CLI::App& app, format::SourceOptions& options) {
  format::CsvOptions& csv = options.csv;
  const auto group = [](CLI::Option* option) { return option->group("Input format"); };
  group(add(app, "--format", "csv, tsv, npy, npz, idx, libsvm, stream (default: seen from the input)",
            [&](const std::string& text) { options.format = parse_format(text); }))
      ->type_name("FORMAT");
  group(add(app, "--delimiter", "What stands between cells (default: comma; tab for .tsv)",
            [&](const std::string& text) { csv.delimiter = parse_delimiter(text); }))
      ->type_name("CHAR");
  group(app.add_flag_callback(
      "--header", [&] { csv.header = format::CsvOptions::Header::yes; }, "The first line names the columns"));
  group(app.add_flag_callback(
      "--no-header", [&] { csv.header = format::CsvOptions::Header::no; },
      "The first line is data; columns are c0, c1, … (default: a first line without numbers is a header)"));
  group(add(app, "--skip", "Leave out so many lines at the start", [&](const std::string& text) {
    csv.skip = parse_count<0, most_rows>(text);
  }))->type_name("N");
  group(app.add_option("--comment", csv.comment, "Leave out lines that start with TEXT"))->type_name("TEXT");
  group(app.add_option("--missing", csv.missing,
                       "A cell TEXT is a missing value, as empty, NA and nan are (repeatable)"))
      ->type_name("TEXT")
      ->allow_extra_args(false);
  add_columns(app, "--text", csv.text, "Read as text even what looks like numbers");
  add_columns(app, "--number", csv.number, "Read as numbers");
  group(app.get_option("--text"));
  group(app.get_option("--number"));
  group(add(app, "--features", "Width of LIBSVM rows (default: the largest index in the file)",
            [&](const std::string& text) { options.features = parse_count<1, INT32_MAX>(text); }))
      ->type_name("N");
  group(add(app, "--max-frame", "Limit for one message, or one row of text (default: 64M)",
            [&](const std::string& text) { options.limits.max_frame = parse_frame(text); }))
      ->type_name("BYTES");
  group(add(app, "--readers", "Threads that read; the result is the same whatever the number (default: 1)",
            [&](const std::string& text) { options.readers = static_cast<int>(parse_count<1, 256>(text)); }))
      ->type_name("N");
}

void add_column_options(CLI::App& app, format::SourceOptions& options) {
  const auto group = [](CLI::Option* option) {
    return option->group("Columns (by name, number from 0, or 'last')");
  };
  CLI::Option* label = group(app.add_option("--label", options.columns.label, "Classes to learn; becomes column y"));
  CLI::Option* target =
      group(app.add_option("--target", options.columns.target, "Numbers to learn; becomes column y"));
  label->type_name("COLUMN");
  target->type_name("COLUMN");
  group(app.add_option("--labels", options.labels_files,
                       "IDX or npy file with a label for each row (one per input)"))
      ->type_name("FILE")
      ->allow_extra_args(false);
  group(app.add_option("--trim-label", options.columns.trim_label,
                       "Strip these characters from both ends of label texts"))
      ->type_name("CHARS");
  group(app.add_option("--id", options.columns.id, "Passed through as column id, not learned from"))
      ->type_name("COLUMN");
  add_columns(app, "--select", options.columns.select, "Keep only these columns (besides y and id)");
  add_columns(app, "--drop", options.columns.drop, "Leave these columns out");
  group(app.get_option("--select"));
  group(app.get_option("--drop"));
}

void add_row_options(CLI::App& app, format::SourceOptions& options, bool reader_only) {
  const auto group = [](CLI::Option* option) { return option->group("Rows (in this order)"); };
  group(add(app, "--rows", "Rows FIRST:END, counted from 0; END is the first one left out",
            [&](const std::string& text) { options.rows.range = table::parse_row_range(text); }))
      ->type_name("FIRST:END");
  group(add(app, "--shard", "Every N-th row, beginning with row I", [&](const std::string& text) {
    options.rows.shard = table::parse_shard(text);
  }))->type_name("I/N");
  group(app.add_option_function<std::vector<std::string>>(
            "--split",
            [&](const std::vector<std::string>& texts) {
              try {
                for (const std::string& text : texts) options.rows.split.push_back(parse_part(text));
              } catch (const Error& error) {
                throw CLI::ValidationError("--split", error.what());
              }
            },
            "Split rows into parts by a hash of their content (repeatable)"))
      ->type_name("NAME:FRACTION")
      ->allow_extra_args(false);
  group(app.add_option("--part", options.rows.part, "The part to read (default: the first)"))->type_name("NAME");
  group(add(app, reader_only ? "--seed" : "--split-seed",
            reader_only ? "Of --split and --shuffle (default: 0)" : "Of --split (default: 0)",
            [&](const std::string& text) { options.rows.seed = parse_seed(text); }))
      ->type_name("N");
  if (!reader_only) return;
  group(add(app, "--shuffle", "Shuffle all rows, or within a buffer of N",
            [&](const std::string& text) {
              options.rows.shuffle = text == bare_flag ? 0 : parse_count<1, most_rows>(text);
            }))
      ->expected(0)
      ->type_name("[=N]");
  group(add(app, "--repeat", "Read the inputs N times, or for ever",
            [&](const std::string& text) {
              options.rows.repeat = text == bare_flag ? 0 : parse_count<1, most_rows>(text);
            }))
      ->expected(0)
      ->type_name("[=N]");
  group(add(app, "--batch", "Rows of a batch (default: as they come)", [&](const std::string& text) {
    options.rows.batch = parse_count<1, (1 << 24)>(text);
  }))->type_name("N");
}

}  // namespace

void add_source_options(CLI::App& app, format::SourceOptions& options, bool reader_only) {
  app.add_option("input", options.inputs, "Files of data; none, or '-', is standard input")
      ->type_name("INPUT");
  add_format_options(app, options);
  add_column_options(app, options);
  add_row_options(app, options, reader_only);
}

void add_tls_options(CLI::App& app, net::TlsFiles& files, const std::string& group) {
  const auto add_file = [&](const char* name, std::string& file, const char* help) {
    app.add_option(name, file, help)->type_name("FILE")->group(group);
  };
  add_file("--tls-cert", files.cert, "For tls:// endpoints: the own certificate, with its chain");
  add_file("--tls-key", files.key, "Its private key");
  add_file("--tls-ca", files.ca, "Certificates of those who sign the other side's");
}

void add_access_options(CLI::App& app, net::Access& access, const std::string& group) {
  app.add_option("--token-file", access.token_file, "The worker's token")->type_name("FILE")->group(group);
  add_tls_options(app, access.tls, group);
  add_parsed(app, "--connect-timeout", access.connect_timeout, parse_timeout,
             "For workers that can't be reached (default: 5s)")
      ->type_name("TIME")
      ->group(group);
}

std::chrono::milliseconds parse_timeout(std::string_view text) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(parse_duration_s(text) * 1000));
}

std::vector<std::string> given_arguments(const CLI::App& app, const std::vector<std::string>& which) {
  const auto is_wanted = [&](const std::string& name) {
    return std::find(which.begin(), which.end(), name) != which.end();
  };
  std::vector<std::string> arguments;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0) continue;
    if (!is_wanted(option->get_group()) && !is_wanted(option->get_name())) continue;
    const bool flag = option->get_items_expected_max() == 0;
    arguments.push_back(option->get_name() + (flag ? "" : "=" + option->results().back()));
  }
  return arguments;
}

}  // namespace nn::cli
