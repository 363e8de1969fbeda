#include "table/text_index.hpp"

#include <random>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.hpp"

namespace nn::table {

namespace {

// Another one in each process: no input can be made of texts whose hashes meet.
std::uint64_t seed() {
  static const std::uint64_t once = [] {
    std::random_device random;
    return static_cast<std::uint64_t>(random()) << 32 | random();
  }();
  return once;
}

}  // namespace

TextIndex::TextIndex() : seed_(seed()) {}

void TextIndex::grow() {
  const std::size_t size = table_.empty() ? 64 : table_.size() * 4;
  table_.assign(size, -1);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t slot = entries_[i].hash & (size - 1);
    while (table_[slot] >= 0) slot = (slot + 1) & (size - 1);
    table_[slot] = static_cast<std::int32_t>(i);
  }
}

std::int32_t TextIndex::index_of(std::string_view text) {
  if ((entries_.size() + 1) * 2 > table_.size()) grow();
  const std::uint64_t hash = XXH3_64bits_withSeed(text.data(), text.size(), seed_);
  std::size_t slot = hash & (table_.size() - 1);
  for (; table_[slot] >= 0; slot = (slot + 1) & (table_.size() - 1)) {
    const auto found = static_cast<std::size_t>(table_[slot]);
    if (entries_[found].hash == hash && (*this)[found] == text) return table_[slot];
  }
  const auto index = static_cast<std::int32_t>(entries_.size());
  table_[slot] = index;
  entries_.push_back({hash, bytes_.size(), text.size()});
  bytes_ += text;
  return index;
}

std::int32_t GrowingDictionary::index_of(std::string_view text) {
  constexpr std::size_t most_texts = 2'000'000, most_bytes = 256 << 20;
  if (index_.size() > most_texts || index_.bytes() > most_bytes) {
    throw data_error("a category column has more than {} different texts, or {} MiB of them", most_texts,
                     most_bytes >> 20)
        .advise("; leave it out with --drop, or pass it on with --id; numbers to predict are a --target");
  }
  return index_.index_of(text);
}

std::shared_ptr<const Dictionary> GrowingDictionary::dictionary() {
  if (dictionary_->size() == index_.size()) return dictionary_;
  auto grown = std::make_shared<Dictionary>(*dictionary_);
  for (std::size_t i = grown->size(); i < index_.size(); ++i) grown->append(index_[i]);
  return dictionary_ = std::move(grown);
}

}  // namespace nn::table
