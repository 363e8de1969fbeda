#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "format/arrow/batch.hpp"

namespace nn::format {
namespace {

using Bytes = BodyReader::Bytes;
using Layout = WireColumn::Layout;

constexpr std::int64_t most_text = std::numeric_limits<std::int32_t>::max();

[[noreturn]] void fail_too_much() { fail_data("more than 2 GiB of text in one batch"); }

// Some writers give an empty column no offsets at all.
Column no_texts(BodyReader& body, Column out) {
  static constexpr std::int32_t none[1] = {0};
  body.buffer();
  body.buffer();
  out.offsets = none;
  out.data = reinterpret_cast<const std::byte*>(none);
  return out;
}

const std::int32_t* narrow(BodyReader&, const std::int32_t* offsets) { return offsets; }
const std::int32_t* narrow(BodyReader& body, const std::int64_t* offsets) {
  auto* out = body.make_array<std::int32_t>(body.rows() + 1);
  std::transform(offsets, offsets + body.rows() + 1, out,
                 [](std::int64_t offset) { return static_cast<std::int32_t>(offset); });
  return out;
}

template <typename Offset>
Column offset_texts(BodyReader& body, Column out) {
  const std::int64_t rows = body.rows();
  if (rows == 0) return no_texts(body, out);
  const auto* offsets = body.values<Offset>(rows + 1);
  const Bytes text = body.buffer();
  if (offsets[0] < 0 || !std::is_sorted(offsets, offsets + rows + 1)) {
    fail_data("the offsets of its texts are not in order");
  }
  if (offsets[rows] > static_cast<std::int64_t>(text.size())) {
    fail_data("a text ends at byte {} of {}", offsets[rows], text.size());
  }
  if (offsets[rows] > most_text) fail_too_much();
  out.data = text.data();
  out.offsets = narrow(body, offsets);
  return out;
}

// Its length, then up to 12 bytes of text; of a longer one 4 bytes, and where all of it is.
struct View {
  std::int32_t length;
  char prefix[4];
  std::int32_t buffer, offset;
};
constexpr std::size_t most_inline = 12;

class Views {
 public:
  explicit Views(BodyReader& body) : body_(body), views_(body.values<View>(body.rows())) {
    for (std::int64_t n = body.view_buffers(); n > 0; --n) texts_.push_back(body.buffer());
  }

  Bytes text(std::int64_t row) const {
    const View& view = views_[row];
    if (view.length < 0) throw data_error("a text of {} bytes", view.length).within(body_.row_name(row));
    const auto length = static_cast<std::size_t>(view.length);
    if (length <= most_inline) return {reinterpret_cast<const std::byte*>(&view) + 4, length};
    if (view.buffer < 0 || static_cast<std::size_t>(view.buffer) >= texts_.size()) {
      throw data_error("a text in buffer {} of {}", view.buffer, texts_.size()).within(body_.row_name(row));
    }
    const Bytes bytes = texts_[static_cast<std::size_t>(view.buffer)];
    if (view.offset < 0 || static_cast<std::size_t>(view.offset) > bytes.size() ||
        length > bytes.size() - static_cast<std::size_t>(view.offset)) {
      throw data_error("a text outside its buffer").within(body_.row_name(row));
    }
    return bytes.subspan(static_cast<std::size_t>(view.offset), length);
  }

 private:
  const BodyReader& body_;
  const View* views_;
  std::vector<Bytes> texts_;
};

// The texts one after the other, as everything else here expects them.
Column view_texts(BodyReader& body, Column out) {
  const Views views(body);
  const std::int64_t rows = body.rows();
  auto* offsets = body.make_array<std::int32_t>(rows + 1);
  offsets[0] = 0;
  // Views may overlap: what they come to is not bounded by the body.
  const auto most = std::min(static_cast<std::uint64_t>(most_text), body.limits().max_frame);
  std::uint64_t total = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (out.valid(row)) total += views.text(row).size();
    if (total > most)
      throw data_error("more than {} bytes of text in one batch", most).advise(" (see --max-frame)");
    offsets[row + 1] = static_cast<std::int32_t>(total);
  }
  std::byte* to = body.make(total).data();
  for (std::int64_t row = 0; row < rows; ++row) {
    if (!out.valid(row)) continue;
    const Bytes text = views.text(row);
    if (!text.empty()) std::memcpy(to + offsets[row], text.data(), text.size());
  }
  out.data = to;
  out.offsets = offsets;
  return out;
}

}  // namespace

Column decode_texts(BodyReader& body, Layout layout) {
  Column out;
  const std::int64_t missing = body.node(body.rows());
  out.validity = body.validity(missing, body.rows());
  switch (layout) {
    case Layout::texts: return offset_texts<std::int32_t>(body, out);
    case Layout::large_texts: return offset_texts<std::int64_t>(body, out);
    default: return view_texts(body, out);
  }
}

}  // namespace nn::format
