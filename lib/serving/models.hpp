// The models that a worker serves: loaded and let go while it answers.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "predict/predictor.hpp"
#include "repository/repository.hpp"
#include "serving/event_log.hpp"

namespace nn::serving {

struct ServedModel {
  ServedModel(std::string model_name, std::uint64_t model_version, const std::string& path,
              const backend::Device& device, backend::Precision precision)
      : name(std::move(model_name)), version(model_version), predictor(path, device, precision) {}
  const std::string name;
  const std::uint64_t version;
  predict::Predictor predictor;
};

struct ModelOptions {
  std::vector<repository::ModelSpec> models;
  backend::Device device;
  backend::Precision precision = backend::Precision::float32;
  std::int64_t warm_rows = 1;  // that a new version is made ready for
  double poll_s = 1;           // how often repositories are looked at; 0: only on request
};

// A thread of its own loads a new version, computes with it once, and only then has it take the
// place of the old, which is freed there once nobody uses it.
class ModelStore {
 public:
  using Task = std::function<void()>;
  // `post` runs a task in the serving thread, from any. The log gets what is loaded, let go and wrong.
  ModelStore(ModelOptions options, EventLog& log, std::function<void(Task)> post);
  ~ModelStore();

  // Loads what is there at the start, in the calling thread. The first error is thrown.
  void load_all();
  void start();

  // These in the serving thread.

  // Version 0 is the newest that is loaded, an empty name the only model. Null where there is
  // none; reason_for_absence() says what there is.
  std::shared_ptr<ServedModel> find(std::string_view name, std::uint64_t version) const;
  Error reason_for_absence(std::string_view name, std::uint64_t version) const;
  struct Listed {
    std::string name;
    std::vector<std::shared_ptr<ServedModel>> versions;  // ascending
  };
  std::vector<Listed> list() const;
  std::uint64_t swaps() const { return swaps_; }  // versions that came into service after the start

  // From any thread. Looks at all repositories now.
  void reload();
  // Loads a version, or lets it go (0: as the policy says, or all); `done` is called in the serving
  // thread, with what went wrong.
  void change(std::string name, std::uint64_t version, bool load,
              std::function<void(std::optional<Error>)> done);

 private:
  struct Change {
    std::string name;
    std::uint64_t version;
    bool load;
    std::function<void(std::optional<Error>)> done;
  };
  struct Entry {
    repository::ModelSpec spec;
    std::set<std::uint64_t> asked, refused;  // by clients, beyond the policy
    std::map<std::uint64_t, repository::FileStamp> loaded;
    std::map<std::uint64_t, repository::FileStamp> broken;  // files that were tried and are wrong
    std::string last_error;                                 // why its path can't be looked at, as was said
  };
  void run();
  void look_at(Entry& entry);
  void update(Entry& entry, bool strict);
  void load_one(Entry& entry, const repository::FoundVersion& version);
  void retire(Entry& entry, std::uint64_t version);
  void apply(const Change& change);
  void load(Entry& entry, std::uint64_t version);
  void unload(Entry& entry, std::uint64_t version);
  void install(const std::shared_ptr<ServedModel>& model);
  void remove(const std::string& name, std::uint64_t version);
  std::shared_ptr<ServedModel> open(const std::string& name, const repository::FoundVersion& version);

  ModelOptions options_;
  EventLog& log_;
  std::function<void(Task)> post_;
  bool serving_ = false;  // the loading thread runs

  // The loading thread's.
  std::vector<Entry> entries_;

  // The serving thread's.
  std::map<std::string, std::map<std::uint64_t, std::shared_ptr<ServedModel>>, std::less<>> served_;
  std::uint64_t swaps_ = 0;

  // Shared by all, also with models that outlive this.
  struct Inbox;
  std::shared_ptr<Inbox> inbox_;
  std::thread thread_;
};

}  // namespace nn::serving
