#include <fmt/format.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>

#include "array_files.hpp"
#include "catch.hpp"
#include "format/numpy/npy.hpp"
#include "format/readers.hpp"
#include "npy_files.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

// A deflated or stored zip member by hand, as other programs write them.
struct ZipFile {
  std::string bytes, directory;
  int members = 0;

  static void put(std::string& out, std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) out += static_cast<char>(i < 8 ? value >> 8 * i & 0xFF : 0);
  }
  static std::string deflated(std::string_view data) {
    z_stream z{};
    deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&z, data.size()), '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    z.avail_in = static_cast<uInt>(data.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, Z_FINISH);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
  }
  struct Lie {
    std::int64_t size = 0;  // added to the size
    std::uint32_t crc = 0;  // xor
    int flags = 0, method = -1;
    std::uint64_t header = 0;  // added to the offset
    bool zip64 = false;
  };
  void add(std::string_view name, std::string_view data, bool deflate_it, Lie lie) {
    const std::string body = deflate_it ? deflated(data) : std::string(data);
    const auto crc = static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(data.data()),
                                                      static_cast<uInt>(data.size()))) ^
                     lie.crc;
    const std::uint64_t size = data.size() + static_cast<std::uint64_t>(lie.size);
    const int method = lie.method >= 0 ? lie.method : deflate_it ? 8 : 0;
    const std::uint64_t header = bytes.size() + lie.header;
    const auto common = [&](std::string& out, bool zip64) {
      put(out, 20, 2);
      put(out, static_cast<std::uint64_t>(lie.flags), 2);
      put(out, static_cast<std::uint64_t>(method), 2);
      put(out, 0, 4);
      put(out, crc, 4);
      put(out, zip64 ? 0xFFFFFFFF : body.size(), 4);
      put(out, zip64 ? 0xFFFFFFFF : size, 4);
      put(out, name.size(), 2);
    };
    put(directory, 0x02014B50, 4);
    put(directory, 20, 2);
    common(directory, lie.zip64);
    put(directory, lie.zip64 ? 28 : 0, 2);
    put(directory, 0, 10);
    put(directory, lie.zip64 ? 0xFFFFFFFF : header, 4);
    directory += name;
    if (lie.zip64) {
      put(directory, 1, 2);
      put(directory, 24, 2);
      put(directory, size, 8);
      put(directory, body.size(), 8);
      put(directory, header, 8);
    }
    put(bytes, 0x04034B50, 4);
    common(bytes, false);
    put(bytes, 0, 2);
    bytes += name;
    bytes += body;
    ++members;
  }
  void add(std::string_view name, std::string_view data, bool deflate_it) {
    add(name, data, deflate_it, Lie{});
  }
  std::string finished(bool zip64 = false, std::string_view comment = "") const {
    std::string out = bytes + directory;
    if (zip64) {
      const std::uint64_t record = out.size();
      put(out, 0x06064B50, 4);
      put(out, 44, 8);
      put(out, 45 | 45 << 16, 4);
      put(out, 0, 8);
      put(out, static_cast<std::uint64_t>(members), 8);
      put(out, static_cast<std::uint64_t>(members), 8);
      put(out, directory.size(), 8);
      put(out, bytes.size(), 8);
      put(out, 0x07064B50, 4);
      put(out, 0, 4);
      put(out, record, 8);
      put(out, 1, 4);
    }
    put(out, 0x06054B50, 4);
    put(out, 0, 4);
    put(out, zip64 ? 0xFFFF : static_cast<std::uint64_t>(members), 2);
    put(out, zip64 ? 0xFFFF : static_cast<std::uint64_t>(members), 2);
    put(out, zip64 ? 0xFFFFFFFF : directory.size(), 4);
    put(out, zip64 ? 0xFFFFFFFF : bytes.size(), 4);
    put(out, comment.size(), 2);
    return out.append(comment);
  }
};

std::string small_npy() { return npy(dictionary("<i2", false, "(2,)"), std::string("\x01\0\x02\0", 4)); }

std::string npz_error(const std::string& file) {
  const ScratchFile scratch(file);
  return error_of([&] {
    const NpzArchive archive(scratch.path());
    for (const auto& name : archive.names()) archive.read(name);
  });
}

}  // namespace

TEST_CASE("npz: what is written is read again, in place and aligned, and equal contents are equal bytes") {
  ScratchFile files[2];
  Buffer kernel(6 * sizeof(float));
  for (int i = 0; i < 6; ++i) kernel.as<float>()[i] = static_cast<float>(i) / 4;
  for (const ScratchFile& scratch : files) {
    OutputFile file(scratch.path());
    NpzWriter writer(file);
    writer.add("dense_0/kernel", DType::f32, {2, 3}, kernel.bytes());
    writer.add_text("network.json", "{\"layers\":[]}");
    writer.add("count", DType::i64, {}, kernel.bytes().first(8));
    writer.add("none", DType::f64, {0, 3}, {});
    writer.finish();
    file.commit();
  }
  CHECK(files[0].contents() == files[1].contents());
  const NpzArchive archive(files[0].path());
  CHECK(archive.names() == std::vector<std::string>{"dense_0/kernel", "network.json", "count", "none"});
  const NpyArray array = archive.read("dense_0/kernel");
  CHECK(array.type == DType::f32);
  CHECK(array.shape == Shape{2, 3});
  CHECK(std::memcmp(array.data.data(), kernel.data(), kernel.size()) == 0);
  CHECK(archive.read("count").shape.empty());
  CHECK(archive.read("none").data.size() == 0);
  CHECK(archive.read_text("network.json") == "{\"layers\":[]}");
  CHECK_THAT(error_of([&] { archive.read("absent"); }), Contains("has no member 'absent.npy'"));
  CHECK_THAT(error_of([&] { archive.read_text("absent"); }), Contains("has no member 'absent'"));
  const std::string bytes = files[0].contents();
  std::size_t found = 0;
  for (auto at = bytes.find("\x93NUMPY"); at != std::string::npos; at = bytes.find("\x93NUMPY", at + 1)) {
    CHECK(at % 64 == 0);
    ++found;
  }
  CHECK(found == 3);
}

TEST_CASE("npz: numpy.load reads what is written, and we what numpy writes") {
  const char* named = std::getenv("NN_TEST_PYTHON");
  std::string python;
  for (const std::string candidate : {named != nullptr ? named : "python3", "/usr/bin/python3"}) {
    if (python.empty() && std::system((candidate + " -c 'import numpy' 2>/dev/null").c_str()) == 0)
      python = candidate;
  }
  if (python.empty()) {
    WARN("skipped: there is no python3 with numpy");
    return;
  }
  const ScratchFile ours;
  {
    OutputFile file(ours.path());
    NpzWriter writer(file);
    const float values[] = {1, 2, 3, 4, 5, 6};
    writer.add("dense_0/kernel", DType::f32, {2, 3}, std::as_bytes(std::span(values)));
    writer.add_text("network.json", "{}");
    writer.finish();
    file.commit();
  }
  const ScratchFile theirs;
  const ScratchFile script(
      fmt::format("import numpy, zipfile\n"
                  "assert zipfile.ZipFile('{0}').testzip() is None\n"
                  "a = numpy.load('{0}')\n"
                  "assert a['dense_0/kernel'].tolist() == [[1, 2, 3], [4, 5, 6]], a['dense_0/kernel']\n"
                  "assert a['network.json'] == b'{{}}'\n"
                  "x = numpy.arange(12, dtype='>i4').reshape(4, 3)\n"
                  "for save in numpy.savez, numpy.savez_compressed:\n"
                  "  with open('{1}' + save.__name__, 'wb') as f: save(f, X=numpy.asfortranarray(x), "
                  "y=numpy.arange(4.0) / 2)\n",
                  ours.path(), theirs.path()));
  REQUIRE(std::system((python + " " + script.path()).c_str()) == 0);
  for (const char* save : {"savez", "savez_compressed"}) {
    const std::string path = theirs.path() + save;
    const auto x = read_npz(MappedFile::open(path));
    REQUIRE(x->schema()->fields.size() == 2);
    CHECK(x->schema()->fields[0].name == "X");
    CHECK(x->schema()->fields[0].shape == Shape{3});
    CHECK(read_out(*x, 0).values == std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    const auto y = read_npz(MappedFile::open(path));
    CHECK(read_out(*y, 1).values == std::vector<double>{0, 0.5, 1, 1.5});
    ::unlink(path.c_str());
  }
}

TEST_CASE("npz: stored and deflated members, zip64 and comments") {
  std::string data;
  for (int i = 0; i < 5000; ++i) put_number(data, DType::i32, i % 17, true);
  const std::string array = npy(dictionary(">i4", false, "(2500, 2)"), data);
  for (const bool deflate_it : {false, true}) {
    for (const bool zip64 : {false, true}) {
      ZipFile zip;
      ZipFile::Lie large;
      large.zip64 = zip64;
      zip.add("a.npy", array, deflate_it, large);
      zip.add("b.npy", array, !deflate_it, large);
      const ScratchFile scratch(zip.finished(zip64, zip64 ? "" : "a comment"));
      const auto source = read_npz(MappedFile::open(scratch.path()));
      const Contents contents = read_out(*source, 1);
      CHECK(contents.batches == std::vector<std::int64_t>{1024, 1024, 452});
      CHECK(contents.values[4999] == 4999 % 17);
      CHECK(NpzArchive(scratch.path()).read("a").data.as<std::int32_t>()[18] == 1);
    }
  }
}

TEST_CASE("npz: what is wrong with an archive is said") {
  using Lie = ZipFile::Lie;
  const auto lying = [](bool deflate_it, Lie lie) {
    ZipFile zip;
    zip.add("a.npy", small_npy(), deflate_it, lie);
    return zip.finished();
  };
  ZipFile twice;
  twice.add("a.npy", small_npy(), false);
  twice.add("a.npy", small_npy(), false);
  ZipFile overlapping;
  overlapping.add("a.npy", small_npy(), true);
  Lie first;
  first.header = 0 - overlapping.bytes.size();
  overlapping.add("b.npy", small_npy(), true, first);
  struct Row {
    std::string file;
    const char* message;
  };
  Lie longer{}, shorter{}, bomb{}, damaged{}, encrypted{}, method{}, elsewhere{};
  longer.size = 1;
  shorter.size = -1;
  bomb.size = 1 << 30;
  damaged.crc = 1;
  encrypted.flags = 1;
  method.method = 12;
  elsewhere.header = 1;
  std::string other_name = lying(false, {});
  other_name[30] = 'b';
  std::string not_deflated = lying(true, {});
  not_deflated[35] = '\xFF';
  const Row table[] = {
      {"", "not a zip archive"},
      {"PK", "not a zip archive"},
      {small_npy(), "not a zip archive"},
      {lying(true, longer), "1 bytes follow the array"},
      {lying(true, shorter), ""},
      {lying(false, longer), "its two sizes differ"},
      {lying(true, bomb), "more than deflate can"},
      {lying(true, damaged), "checksum differs"},
      {lying(false, damaged), "checksum differs"},
      {lying(false, encrypted), "is encrypted"},
      {lying(false, method), "compressed by method 12"},
      {lying(false, elsewhere), "no header where the directory says"},
      {twice.finished(), "stands twice"},
      {overlapping.finished(), "overlaps what follows"},
      {other_name, "disagree about the name"},
      {not_deflated, "damaged"},
  };
  for (const Row& row : table) {
    INFO(row.message);
    const std::string error = npz_error(row.file);
    CHECK_FALSE(error.empty());
    CHECK_THAT(error, Contains(row.message));
  }
  CHECK(npz_error(lying(true, {})).empty());
}

TEST_CASE("npz: as data, arrays need names, rows and as many of them") {
  const std::string three = npy(dictionary("|u1", false, "(3,)"), "abc");
  const std::string scalar = npy(dictionary("|u1", false, "()"), "a");
  struct Row {
    std::vector<std::pair<std::string, std::string>> members;
    const char* message;
  };
  const Row table[] = {
      {{}, "holds no arrays"},
      {{{"a.npy", small_npy()}, {"b.npy", three}}, "member 'b.npy' has 3 rows, but"},
      {{{"a.npy", scalar}}, "member 'a.npy': a single value"},
      {{{"a.npy", small_npy()}, {"a", small_npy()}}, "two arrays of the same name"},
      {{{"a.npy", small_npy()}, {"network.json", "{}"}}, "member 'network.json': not a .npy file"},
  };
  for (const Row& row : table) {
    ZipFile zip;
    for (const auto& [name, contents] : row.members) zip.add(name, contents, true);
    const ScratchFile scratch(zip.finished());
    CHECK_THAT(error_of([&] { read_npz(MappedFile::open(scratch.path())); }), Contains(row.message));
  }
}

TEST_CASE("npz: arrays that are no columns are left out by name, where most are") {
  const std::string three = npy(dictionary("|u1", false, "(3,)"), "abc");
  ZipFile zip;
  zip.add("a.npy", small_npy(), true);
  zip.add("names.npy", npy(dictionary("|O", false, "(2,)"), "what pickle writes"), true);
  zip.add("b.npy", three, false);
  zip.add("c.npy", small_npy(), true);
  zip.add("n.npy", npy(dictionary("|u1", false, "()"), "a"), true);
  zip.add("d.npy", small_npy(), true);
  const ScratchFile scratch(zip.finished());
  const auto source = read_npz(MappedFile::open(scratch.path()));
  const auto& fields = source->schema()->fields;
  REQUIRE(fields.size() == 6);
  CHECK(fields[1].name == "c");
  CHECK(fields[2].name == "d");
  for (std::size_t i = 3; i < 6; ++i) CHECK(fields[i].type == DType::opaque);
  CHECK_THAT(fields[3].foreign_type, Contains("|O"));
  CHECK(fields[4].foreign_type == "3 rows instead of 2");
  CHECK(fields[5].foreign_type == "a single value");
  const auto batch = source->next();
  REQUIRE(batch);
  CHECK(batch->rows == 2);
  CHECK(batch->columns.size() == 6);
}

TEST_CASE("npz: cut off at every byte, and with every byte changed") {
  ZipFile zip;
  zip.add("a.npy", small_npy(), true);
  zip.add("b.npy", small_npy(), false);
  const std::string whole = zip.finished();
  CHECK(npz_error(whole).empty());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO(n);
    CHECK_FALSE(npz_error(whole.substr(0, n)).empty());
  }
  // Many changes are harmless (time stamps); none may crash or read beyond the file.
  for (std::size_t n = 0; n < whole.size(); ++n) {
    for (const char flip : {'\x01', '\x80', '\xFF'}) {
      std::string changed = whole;
      changed[n] = static_cast<char>(changed[n] ^ flip);
      npz_error(changed);
    }
  }
}
