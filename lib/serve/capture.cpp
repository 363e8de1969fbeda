#include "serve/capture.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/version.hpp"
#include "serve/capture_file.hpp"

namespace nn::serve {
namespace {

constexpr std::string_view ending = ".arrows";

std::uint64_t bytes_of(const Batch& batch) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < batch.columns.size(); ++i) {
    const Field& field = batch.schema->fields[i];
    const auto rows = static_cast<std::uint64_t>(batch.rows);
    bytes += field.type == DType::utf8
                 ? static_cast<std::uint64_t>(batch.columns[i].offsets[batch.rows]) + 4 * rows
                 : rows * static_cast<std::uint64_t>(element_count(field.shape)) * size_of(field.type);
  }
  return bytes;
}

bool are_equal(const Schema& a, const Schema& b) {
  return a.metadata == b.metadata && std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(),
                                                b.fields.end(), [](const Field& x, const Field& y) {
                                                  return x.name == y.name && x.type == y.type &&
                                                         x.shape == y.shape && x.nullable == y.nullable &&
                                                         x.metadata == y.metadata;
                                                });
}

bool exists(const std::string& path) { return stamp_of(path).has_value(); }

// A name that no file has: "x.arrows", "x-2.arrows", "x-3.arrows" …
std::string free_path(const std::string& path) {
  const std::string stem = path.substr(0, path.size() - ending.size());
  std::string free = path;
  for (int i = 2; exists(free); ++i) free = stem + "-" + std::to_string(i) + std::string(ending);
  return free;
}

// Of a model's name, for a file's.
std::string as_file_name(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '/', '_');
  return out;
}

template <typename T>
Column repeated(std::int64_t rows, T value) {
  Buffer memory(static_cast<std::size_t>(rows) * sizeof(T));
  std::fill_n(memory.as<T>(), rows, value);
  return make_column(std::move(memory));
}

Column repeated_text(std::int64_t rows, std::string_view text) {
  struct Texts {
    std::vector<std::int32_t> offsets;
    std::string bytes;
  };
  auto texts = std::make_shared<Texts>();
  texts->offsets.push_back(0);
  for (std::int64_t i = 0; i < rows; ++i) {
    texts->bytes += text;
    texts->offsets.push_back(static_cast<std::int32_t>(texts->bytes.size()));
  }
  Column column;
  column.data = reinterpret_cast<const std::byte*>(texts->bytes.data());
  column.offsets = texts->offsets.data();
  column.owner = std::move(texts);
  return column;
}

Column answer_column(std::int64_t rows, std::int64_t width, const float* answers) {
  const auto bytes = static_cast<std::size_t>(rows * width) * sizeof(float);
  Buffer memory(std::max<std::size_t>(bytes, 1));
  std::memset(memory.data(), 0, memory.size());
  if (answers != nullptr) std::memcpy(memory.data(), answers, bytes);
  Column column = make_column(std::move(memory));
  if (answers == nullptr) {
    auto none = std::make_shared<std::vector<std::uint8_t>>((rows + 7) / 8, std::uint8_t{0});
    column.validity = none->data();
    column.owner = std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
        column.owner, none);
  }
  return column;
}

}  // namespace

void parse_capture(std::string_view text, CaptureOptions& options) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) fail_usage("'{}': expected PART:FILE, as in 1%:seen.arrows", text);
  std::string_view part = text.substr(0, colon);
  const bool percent = part.ends_with('%');
  if (percent) part.remove_suffix(1);
  const double most = percent ? 100 : 1;
  options.part = parse_number_in(part, {.most = most, .above = true}) / most;
  options.path = text.substr(colon + 1);
  if (!options.path.ends_with(ending) || options.path.size() == ending.size()) {
    fail_usage("'{}': the file's name must end in {}", options.path, ending);
  }
}

std::shared_ptr<const Schema> captured_schema(const Schema& rows, const CapturedAnswers& answers) {
  auto schema = std::make_shared<Schema>(rows);
  schema->metadata = {};
  schema->metadata.set("nn.tool", "nn-serve");
  schema->metadata.set("nn.version", std::string(tools_version()));
  if (!answers.classes.empty()) schema->metadata.set("nn.classes", answers.classes);
  const auto add = [&](std::string name, DType type, Shape shape = {}, bool nullable = false) {
    Field field;
    field.name = std::move(name);
    field.type = type;
    field.shape = std::move(shape);
    field.nullable = nullable;
    schema->fields.push_back(std::move(field));
  };
  add("nn.request", DType::utf8);
  add("nn.route", DType::utf8);
  add("nn.version", DType::i64);
  add("nn.status", DType::i64);
  add("nn.latency_us", DType::i64);
  add("nn.time_us", DType::i64);
  add("nn." + answers.column, DType::f32, answers.shape, true);
  return schema;
}

Batch captured_batch(const std::shared_ptr<const Schema>& schema, const Batch& rows,
                     const CapturedWords& words, const float* answers) {
  Batch out;
  out.schema = schema;
  out.rows = rows.rows;
  std::vector<std::int64_t> all(static_cast<std::size_t>(rows.rows));
  std::iota(all.begin(), all.end(), std::int64_t{0});
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    out.columns.push_back(take(rows.schema->fields[i], rows.columns[i], all));
  }
  out.columns.push_back(repeated_text(rows.rows, words.request));
  out.columns.push_back(repeated_text(rows.rows, words.route));
  out.columns.push_back(repeated(rows.rows, static_cast<std::int64_t>(words.version)));
  out.columns.push_back(repeated(rows.rows, words.status));
  out.columns.push_back(repeated(rows.rows, words.latency_us));
  out.columns.push_back(repeated(rows.rows, words.time_us));
  out.columns.push_back(answer_column(rows.rows, element_count(schema->fields.back().shape), answers));
  return out;
}

Capture::Capture(CaptureOptions options, bool name_models)
    : options_(std::move(options)), name_models_(name_models), thread_([this] { run(); }) {}

Capture::~Capture() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  thread_.join();
  for (const auto& file : unnamed_) warn("{}: {} captured rows are lost", file->path(), file->rows());
}

bool Capture::add(std::string_view model, std::string_view form, Batch rows) {
  const std::uint64_t bytes = bytes_of(rows);
  const std::int64_t count = rows.rows;
  if (!stopped_.load(std::memory_order_relaxed)) {
    const std::lock_guard lock(mutex_);
    if (waiting_bytes_ + bytes <= options_.queue_bytes) {
      waiting_bytes_ += bytes;
      items_.push_back({std::string(model), std::string(form), std::move(rows), bytes});
      changed_.notify_all();
      return true;
    }
  }
  drop(count);
  return false;
}

void Capture::drop(std::int64_t rows) {
  dropped_.fetch_add(1, std::memory_order_relaxed);
  dropped_rows_.fetch_add(static_cast<std::uint64_t>(rows), std::memory_order_relaxed);
}

void Capture::flush() {
  const std::lock_guard lock(mutex_);
  items_.push_back({{}, {}, {}, 0, true});
  changed_.notify_all();
}

Capture::Counts Capture::counts() const {
  return {requests_.load(std::memory_order_relaxed), dropped_.load(std::memory_order_relaxed),
          dropped_rows_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed)};
}

// The form that a model's rows come in first needs no name: mostly there is no other.
std::string Capture::path_of(const Item& item) {
  std::string path = options_.path.substr(0, options_.path.size() - ending.size());
  if (name_models_) path += "-" + as_file_name(item.model);
  if (forms_.try_emplace(item.model, item.form).first->second != item.form) {
    path += "-" + (item.form.empty() ? std::string("f32") : item.form);
  }
  return path + std::string(ending);
}

void Capture::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return closing_ || !items_.empty(); });
    Item item;
    const bool ends = items_.empty();
    if (ends) {
      item.flush = true;
    } else {
      item = std::move(items_.front());
      items_.pop_front();
    }
    lock.unlock();
    handle(item);
    if (ends) return;
    lock.lock();
    waiting_bytes_ -= item.bytes;
  }
}

void Capture::handle(const Item& item) {
  try {
    if (item.flush) return finish_all();
    if (stopped_) return drop(item.rows.rows);
    write(item);
    requests_.fetch_add(1, std::memory_order_relaxed);
  } catch (...) {
    if (!item.flush) drop(item.rows.rows);
    const Error error = error_of(std::current_exception());
    if (error.kind() == ErrorKind::io) {
      stop(error);
    } else {
      note("a request isn't captured: {}", error.what());
    }
  }
}

// Most likely the disk is full: to go on would only fail again with each request, and take room that others
// need. What is whole in the files stays.
void Capture::stop(const Error& error) {
  if (stopped_.exchange(true)) return;
  std::int64_t rows = 0;
  for (auto& [path, file] : files_) {
    if (!file) continue;
    try {
      const std::int64_t lost = file->keep_whole();
      if (lost > 0) dropped_rows_.fetch_add(static_cast<std::uint64_t>(lost), std::memory_order_relaxed);
      rows += file->rows();
      if (file->rows() > 0) unnamed_.push_back(std::move(file));
    } catch (const Error& lost) {
      dropped_rows_.fetch_add(static_cast<std::uint64_t>(file->rows()), std::memory_order_relaxed);
      warn("{}; {} captured rows are lost", lost.what(), file->rows());
    }
  }
  files_.clear();
  warn("{}; no more requests are captured until SIGHUP, and the {} rows before are kept", error.what(), rows);
  name_files();
}

// Of a full disk even a folder may have no room for a name: then they are named later.
void Capture::name_files() {
  std::erase_if(unnamed_, [](const std::unique_ptr<CaptureFile>& file) {
    try {
      file->finish();
      return true;
    } catch (const Error& error) {
      note("{}; it is tried again", error.what());
      return false;
    }
  });
}

void Capture::finish_all() {
  name_files();
  while (!files_.empty()) {
    if (const auto& file = files_.begin()->second) file->finish();
    files_.erase(files_.begin());
  }
  if (unnamed_.empty() && stopped_.exchange(false)) note("{}: requests are captured again", options_.path);
}

void Capture::write(const Item& item) {
  constexpr std::size_t most_files = 64;  // that are open
  const std::string path = path_of(item);
  if (!files_.contains(path) && files_.size() >= most_files) finish_all();
  auto& file = files_[path];
  if (file && (file->bytes() >= options_.file_bytes || !are_equal(file->schema(), *item.rows.schema))) {
    file->finish();
    file.reset();
  }
  if (!file) file = std::make_unique<CaptureFile>(free_path(path), *item.rows.schema);
  file->write(item.rows);
  bytes_.fetch_add(item.bytes, std::memory_order_relaxed);
}

}  // namespace nn::serve
