// Maps whose nodes are used again, so that coming and going allocates nothing.
#pragma once

#include <utility>
#include <vector>

namespace nn::serving {

// A std::map or std::unordered_map of few words. One thread at a time.
template <typename Map>
class Recycled {
 public:
  using Key = typename Map::key_type;
  using Value = typename Map::mapped_type;
  using iterator = typename Map::iterator;

  // The key isn't there yet.
  iterator insert(const Key& key, Value value) {
    if (spare_.empty()) return map_.emplace(key, std::move(value)).first;
    auto node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = key;
    node.mapped() = std::move(value);
    return map_.insert(std::move(node)).position;
  }
  void erase(iterator at) { spare_.push_back(map_.extract(at)); }
  // The same value by another key.
  iterator rekey(iterator at, const Key& key) {
    auto node = map_.extract(at);
    node.key() = key;
    return map_.insert(std::move(node)).position;
  }
  void clear() {
    while (!map_.empty()) erase(map_.begin());
  }

  iterator find(const Key& key) { return map_.find(key); }
  iterator begin() { return map_.begin(); }
  iterator end() { return map_.end(); }
  const Map& map() const { return map_; }
  bool empty() const { return map_.empty(); }

 private:
  Map map_;
  std::vector<typename Map::node_type> spare_;
};

}  // namespace nn::serving
