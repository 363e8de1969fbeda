// Event files against bytes that a writer in Python made, whose files TensorBoard was seen to read.
#include "format/event_file.hpp"

#include <string>

#include "catch.hpp"

using namespace nn::format;

namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string scalar() {
  const ProtoMessage value = ProtoMessage().text(1, "loss").single(2, 0.25);
  return event_record(
      ProtoMessage().real(1, 1.5).whole(2, 3).message(5, ProtoMessage().message(1, value)).bytes());
}

}  // namespace

TEST_CASE("a record has its length and two checksums") {
  CHECK(hex(event_record(ProtoMessage().real(1, 0).text(3, "brain.Event:2").bytes())) ==
        "1800000000000000a37f4b220900000000000000001a0d627261696e2e4576656e743a32eedf28a3");
  CHECK(hex(scalar()) ==
        "1a00000000000000129bd82d09000000000000f83f10032a0d0a0b0a046c6f7373150000803ed054b255");
}

TEST_CASE("fields of messages") {
  CHECK(hex(ProtoMessage().whole(1, 300).bytes()) == "08ac02");
  CHECK(hex(ProtoMessage().whole(2, ~std::uint64_t{0}).bytes()) == "10ffffffffffffffffff01");  // -1
  CHECK(hex(ProtoMessage().whole(16, 0).bytes()) == "800100");
  CHECK(hex(ProtoMessage().text(1, "a\xFF").bytes()) == "0a0461efbfbd");
  CHECK(hex(ProtoMessage().single(1, 1e300).bytes()) == "0d0000807f");  // infinity
}

TEST_CASE("what a writer left that died") {
  const std::string first = event_record("first"), last = event_record("last one");
  const std::string all = first + last;
  CHECK(event_records(all).whole == all.size());
  CHECK(event_records(all).last == "last one");
  CHECK(event_records("").whole == 0);
  for (std::size_t cut = 0; cut < all.size(); ++cut) {
    INFO(cut);
    const EventRecords found = event_records(std::string_view(all).substr(0, cut));
    CHECK(found.whole == (cut < first.size() ? 0 : first.size()));
  }
  for (std::size_t at = first.size(); at < all.size(); ++at) {
    INFO(at);
    std::string wrong = all;
    wrong[at] ^= 0x10;
    CHECK(event_records(wrong).whole == first.size());
  }
}
