// .npz archives: as a table, and as named arrays.
#include "format/numpy/npy.hpp"
#include "format/readers.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const nn::fuzz::MemoryFile file(nn::fuzz::as_input(data, size));
  nn::fuzz::accepts([&] { nn::fuzz::use_all(*nn::format::read_npz(nn::MappedFile::open(file.path()))); });
  nn::fuzz::accepts([&] {
    const nn::format::NpzArchive archive(file.path());
    for (const std::string& name : archive.names()) {
      nn::fuzz::accepts([&] { (void)archive.read(name); });
      nn::fuzz::accepts([&] { (void)archive.read_text(name); });
    }
  });
  return 0;
}
