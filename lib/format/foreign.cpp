#include "format/foreign.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::format {
namespace {

using namespace std::string_view_literals;

struct Foreign {
  std::string_view magic;
  std::string_view what;
  std::string_view command;  // FILE stands for the file
};

constexpr std::string_view with_pandas =
    R"sh(python3 -c "import sys, pandas; pandas.READ('FILE').to_csv(sys.stdout, index=False)" | nn-read)sh";

// What pandas reads; READ stands for its function.
constexpr Foreign of_pandas[] = {
    {"ORC"sv, "an ORC file", "read_orc"},
    {"<stata_dta>"sv, "a file of Stata", "read_stata"},
    {"\x72\x01\x01\0"sv, "a file of Stata", "read_stata"},
    {"\x72\x02\x01\0"sv, "a file of Stata", "read_stata"},
    {"\x73\x01\x01\0"sv, "a file of Stata", "read_stata"},
    {"\x73\x02\x01\0"sv, "a file of Stata", "read_stata"},
    {"$FL2"sv, "a file of SPSS", "read_spss"},
    {"$FL3"sv, "a file of SPSS", "read_spss"},
    {"\0\0\0\0\0\0\0\0\0\0\0\0\xC2\xEA\x81\x60"sv, "a file of SAS", "read_sas"},
    {"HEADER RECORD*******LIBRARY HEADER"sv, "a file of SAS", "read_sas"},
    {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, "a file of Excel", "read_excel"},
    {"\x80\x02"sv, "a pickle", "read_pickle"},
    {"\x80\x03"sv, "a pickle", "read_pickle"},
    {"\x80\x04\x95"sv, "a pickle", "read_pickle"},
    {"\x80\x05\x95"sv, "a pickle", "read_pickle"},
    {"FEA1"sv, "a Feather file of version 1", "read_feather"},
};

constexpr Foreign others[] = {
    {"PAR1"sv, "a Parquet file",
     R"sh(python3 -c "import sys, polars; polars.read_parquet('FILE').write_ipc_stream(sys.stdout.buffer)" | nn-read, or duckdb -c "COPY (FROM 'FILE') TO '/dev/stdout' (FORMAT csv, HEADER)" | nn-read)sh"},
    {"Obj\x01"sv, "an Avro file",
     R"sh(python3 -c "import sys, polars; polars.read_avro('FILE').write_ipc_stream(sys.stdout.buffer)" | nn-read)sh"},
    {"\x89HDF"sv, "an HDF5 file",
     R"sh(python3 -c "import h5py, numpy; numpy.savez('FILE.npz', **{k: v[()] for k, v in h5py.File('FILE').items()})" && nn-read FILE.npz)sh"},
    {"SQLite format 3\0"sv, "a database of SQLite",
     R"sh(sqlite3 -csv -header 'FILE' 'SELECT * FROM TABLE' | nn-read)sh"},
    {"X\n\0\0\0"sv, "an R object (.rds)",
     R"sh(Rscript -e "write.csv(readRDS('FILE'), row.names = FALSE)" | nn-read)sh"},
    {"RDX2\n"sv, "an R workspace",
     R"sh(Rscript -e "load('FILE'); write.csv(NAME, row.names = FALSE)" | nn-read)sh"},
    {"RDX3\n"sv, "an R workspace",
     R"sh(Rscript -e "load('FILE'); write.csv(NAME, row.names = FALSE)" | nn-read)sh"},
    {"MATLAB 5.0"sv, "a file of MATLAB",
     R"sh(python3 -c "import numpy, scipy.io; numpy.savez('FILE.npz', **{k: v for k, v in scipy.io.loadmat('FILE').items() if k[0] != '_'})" && nn-read FILE.npz)sh"},
    {"BZh"sv, "compressed with bzip2", "bzip2 -dc FILE | nn-read"},
    {"\xFD"
     "7zXZ"sv,
     "compressed with xz", "xz -dc FILE | nn-read"},
    {"\x04\x22\x4D\x18"sv, "compressed with lz4", "lz4 -dc FILE | nn-read"},
    {"%PDF-"sv, "a PDF document", "pdftotext -layout FILE"},
};

std::string with(std::string_view command, std::string_view word, std::string_view value) {
  std::string out(command);
  for (std::size_t at = 0; (at = out.find(word, at)) != std::string::npos; at += value.size())
    out.replace(at, word.size(), value);
  return out;
}

[[noreturn]] void refuse(std::string_view what, std::string_view command, const std::string& name) {
  const bool file = name != "standard input" && name.find('\'') == std::string::npos;
  throw make_error(ErrorKind::unsupported, "is {}, which is not read here", what)
      .within_file(name)
      .advise("; convert it: {}", file ? with(command, "FILE", printable(name, 4096)) : std::string(command));
}

// The name of a zip archive's first member.
std::string_view first_member(std::string_view head) {
  constexpr std::size_t length_at = 26, name_at = 30;
  if (head.size() < name_at) return {};
  const auto low = static_cast<unsigned char>(head[length_at]);
  const auto high = static_cast<unsigned char>(head[length_at + 1]);
  return head.substr(name_at).substr(0, low + 256u * high);
}

// A table of text may begin with a column called ORCID, or PAR1.
bool is_plain_text(std::string_view head) {
  constexpr std::size_t enough = 4096;
  head = head.substr(0, enough);
  return std::none_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7F || (byte < 0x20 && c != '\t' && c != '\n' && c != '\r');
  });
}

}  // namespace

void refuse_foreign(std::string_view head, const std::string& name) {
  if (head.starts_with("\x8ANNMODEL"))
    throw make_error(ErrorKind::usage, "is a model, and no table")
        .within_file(name)
        .advise("; -m names models");
  const bool plain = is_plain_text(head);
  const auto is = [&](const Foreign& foreign) {
    constexpr std::size_t unmistakable = 8;  // bytes
    return head.starts_with(foreign.magic) && (!plain || foreign.magic.size() >= unmistakable);
  };
  for (const Foreign& foreign : of_pandas) {
    if (is(foreign)) refuse(foreign.what, with(with_pandas, "READ", foreign.command), name);
  }
  for (const Foreign& foreign : others) {
    if (is(foreign)) refuse(foreign.what, foreign.command, name);
  }
  if (!head.starts_with("PK\x03\x04")) return;
  const std::string_view member = first_member(head);
  if (member == "[Content_Types].xml" || member == "mimetype" || member.starts_with("_rels/") ||
      member.starts_with("xl/") || member.starts_with("docProps/")) {
    refuse("a spreadsheet", with(with_pandas, "READ", "read_excel"), name);
  }
}

}  // namespace nn::format
