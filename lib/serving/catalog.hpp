// Which versions of which models are served, and why the others aren't: a constant picture of one moment.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "serving/servable.hpp"
#include "serving/snapshot_map.hpp"

namespace nn::serving {

// The states of a version, by TensorFlow Serving's names (core/servable_state.h).
enum class VersionState : std::uint8_t {
  start,      // wanted, and its turn to be loaded comes
  loading,    // being read, checked and warmed up
  available,  // requests get it
  unloading,  // requests get it no more; those that have it are answered
  end,        // gone, or it couldn't be loaded: then there is a reason
};
std::string_view name_of(VersionState state);  // "AVAILABLE"

struct VersionEntry {
  VersionState state = VersionState::start;
  std::shared_ptr<Servable> servable;  // while it is available
  std::optional<Error> reason = {};    // of an end
  bool bad = false;      // it was rolled back: only who names it gets it, while there is another
  bool cold = false;     // not loaded before somebody asks for it (Loader::wake)
  bool refused = false;  // people have let it go
  bool asked = false;    // they asked this process for that, and not its repository
};

struct ModelEntry {
  std::map<std::uint64_t, VersionEntry> versions;
  std::map<std::string, std::uint64_t, std::less<>> labels;  // a version's number, available or not
  std::map<std::string, Error, std::less<>> wrong_labels;    // why others are none
  std::optional<Error> reason = {};                          // why its repository can't be read
  std::string base = {};  // its repository's folder; empty: it has none here
  bool required = true;   // who serves it isn't ready without it
};

// Constant, for any thread. The next one shares with it what hasn't changed.
struct Catalog {
  SnapshotMap<ModelEntry> models;

  // A version: by its number, by a label, or without either the newest that is available, of those that
  // aren't bad if there are any; never by both. An empty name is the only model. Without a servable `absence`
  // says why, and what there is; its kind is data where waiting doesn't help, and unavailable while it is
  // being loaded.
  // Where `cold` has the model's name, the version is loaded when somebody asks for it: Loader::wake(), and
  // look again.
  struct Found {
    std::shared_ptr<Servable> servable;
    std::optional<Error> absence = {};
    std::string cold = {};
  };
  Found find(std::string_view name, std::uint64_t version = 0, std::string_view label = {}) const;
  // Is it one of the versions that are available?
  bool serves(const Servable& servable) const;
  // Has every model that is required a version that answers, or will when it is asked? But for those that
  // people have let go.
  bool all_available() const;
  bool any_available() const;
  // all_available(), and something answers; or nothing does since somebody asked this process to let go of a
  // model.
  bool ready() const;
};

// The newest picture. Thread-safe.
class CatalogHolder {
 public:
  std::shared_ptr<const Catalog> get() const {
    const std::lock_guard lock(mutex_);
    return catalog_;
  }
  void set(std::shared_ptr<const Catalog> catalog) {
    const std::lock_guard lock(mutex_);
    catalog_.swap(catalog);  // the old one is freed after the lock
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Catalog> catalog_ = std::make_shared<Catalog>();
};

}  // namespace nn::serving
