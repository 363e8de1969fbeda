// Values by name that are read in one thread while another one changes them.
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nn::serving {

// A constant picture. One that differs in a value shares all others and nearly all of its nodes with the
// picture before: it is a balanced tree whose path to the value is made anew (Okasaki, Purely Functional Data
// Structures, section 2.2), so that a change takes steps in proportion to the logarithm of the size. Copies
// share everything. Thread-safe, as what is constant is.
template <typename Value>
class SnapshotMap {
  struct Node;
  using Link = std::shared_ptr<const Node>;

 public:
  struct Entry {
    std::string name;
    Value value;
  };

  SnapshotMap() = default;
  explicit SnapshotMap(std::map<std::string, Value, std::less<>> values) : size_(values.size()) {
    std::vector<std::shared_ptr<const Entry>> entries;
    entries.reserve(size_);
    for (auto& [name, value] : values) {
      entries.push_back(std::make_shared<const Entry>(Entry{name, std::move(value)}));
    }
    root_ = balanced(entries, 0, size_);
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Null where there is none of that name.
  const Entry* find(std::string_view name) const {
    for (const Node* node = root_.get(); node != nullptr;) {
      const int order = name.compare(node->entry->name);
      if (order == 0) return node->entry.get();
      node = order < 0 ? node->left.get() : node->right.get();
    }
    return nullptr;
  }
  // std::out_of_range where there is none of that name.
  const Value& at(std::string_view name) const {
    const Entry* entry = find(name);
    if (entry == nullptr) throw std::out_of_range("SnapshotMap: " + std::string(name));
    return entry->value;
  }
  // The picture with another value of a name that it has; std::out_of_range else.
  SnapshotMap with(std::string_view name, Value value) const {
    return {replaced(root_, name, std::move(value)), size_};
  }

  // Entries by their names' order. Valid while the map or a copy of it lives.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = const Entry*;
    using reference = const Entry&;
    Iterator() = default;
    explicit Iterator(const Node* root) { descend(root); }
    const Entry& operator*() const { return *path_.back()->entry; }
    const Entry* operator->() const { return path_.back()->entry.get(); }
    Iterator& operator++() {
      const Node* done = path_.back();
      path_.pop_back();
      descend(done->right.get());
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    void descend(const Node* node) {
      for (; node != nullptr; node = node->left.get()) path_.push_back(node);
    }
    std::vector<const Node*> path_;  // those that are still to come, the next one last
  };
  Iterator begin() const { return Iterator(root_.get()); }
  Iterator end() const { return {}; }

 private:
  struct Node {
    std::shared_ptr<const Entry> entry;
    Link left, right;
  };

  SnapshotMap(Link root, std::size_t size) : root_(std::move(root)), size_(size) {}

  static Link balanced(const std::vector<std::shared_ptr<const Entry>>& entries, std::size_t first,
                       std::size_t end) {
    if (first == end) return nullptr;
    const std::size_t middle = first + (end - first) / 2;
    return std::make_shared<const Node>(
        Node{entries[middle], balanced(entries, first, middle), balanced(entries, middle + 1, end)});
  }

  static Link replaced(const Link& node, std::string_view name, Value value) {
    if (!node) throw std::out_of_range("SnapshotMap: " + std::string(name));
    Node copy = *node;
    const int order = name.compare(node->entry->name);
    if (order == 0) {
      copy.entry = std::make_shared<const Entry>(Entry{std::string(name), std::move(value)});
    } else if (order < 0) {
      copy.left = replaced(node->left, name, std::move(value));
    } else {
      copy.right = replaced(node->right, name, std::move(value));
    }
    return std::make_shared<const Node>(std::move(copy));
  }

  Link root_;
  std::size_t size_ = 0;
};

}  // namespace nn::serving
