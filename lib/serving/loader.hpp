// Brings what is loaded to what repositories and people want, in a thread of its own.
#pragma once

#include <atomic>
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
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "repository/history.hpp"
#include "repository/labels.hpp"
#include "repository/repository.hpp"
#include "repository/wants.hpp"
#include "serving/catalog.hpp"
#include "serving/event_log.hpp"

namespace nn::serving {

struct LoaderOptions {
  // A repository may be a folder of models (repository/expand.hpp), which come and go.
  std::vector<repository::ModelSpec> models;
  // Opens a version and makes it ready to answer; any exception is the reason why it isn't served.
  std::function<std::unique_ptr<Servable>(const std::string& name, const repository::FoundVersion& version)>
      open;
  // A load that failed for a reason that may pass is tried again after the first pause, and twice as long
  // each time.
  Clock::duration first_pause = std::chrono::seconds(1), longest_pause = std::chrono::minutes(1);
  // Models are loaded when somebody asks for them: see wake().
  bool lazy = false;
  // A model that nobody has used for that long is let go, when it is looked at, and loaded as a lazy one. 0:
  // models stay.
  Clock::duration idle_unload{0};
  // Bytes that models may take together, as Servable::bytes() counts. Where one that somebody asks for, or a
  // new version, finds no room, models that are not in use are let go, the one that was used longest ago
  // first, and loaded as lazy ones. 0: as much as they like.
  std::uint64_t memory = 0;
  // Whether a version has requests under way. Empty: none has.
  std::function<bool(const std::string& name, std::uint64_t version)> in_use = {};
  // A model was let go to make room. In the loader's thread; may be empty.
  std::function<void(const std::string& name)> displaced = {};
  // Versions that others need beside those that the policy, people and labels want. Asked in the loader's
  // thread, at each look; doesn't throw. May be empty.
  std::function<std::set<std::uint64_t>(const repository::ModelSpec& model)> needed = {};
  // What is asked of it (change()) is kept in the repository, for all its loaders and those that start later.
  // Else it is this loader's alone, and forgotten when that ends.
  bool keep_requests = true;
  // Without any model that can be served load_all() doesn't throw: each is told, and looked at again.
  bool may_serve_nothing = false;
  // Called first in the loader's thread: what makes it give way to others (serving/background.hpp).
  std::function<void()> begin = {};
};

// A version is loaded before the one that it replaces is let go, and what is served stays where nothing
// better can be loaded; a label moves once its new version is loaded. Servables are freed in the loader's
// thread, once nobody uses them. A change of one model costs steps in proportion to the logarithm of how many
// there are.
class Loader {
 public:
  // `on_change` is called after each change of the catalog, in the thread that made it. The log gets what is
  // loaded, let go and wrong. Usage error when two models have one name, data error for a folder that holds
  // versions and models.
  Loader(LoaderOptions options, EventLog& log, CatalogHolder& catalog, std::function<void()> on_change,
         const Clock& clock = Clock::machine());
  // The catalog is empty from then on.
  ~Loader();

  // Looks at all repositories once, in the calling thread, and warns of each model that can't be served.
  // Throws the first reason where there is no other, unless may_serve_nothing.
  void load_all();
  // Begins to look when asked.
  void start();

  // These from any thread.

  // Looks at all repositories.
  void look();
  // Loads a version, or lets it go (0: as the policy says, or all), and tells in the loader's thread what
  // went wrong. With keep_requests it is kept in the repository (repository/wants.hpp), whose other loaders
  // see it when they look; where that can't be written, a warning says so, and it lasts until this loader
  // ends or somebody else changes what the repository says. Without, and of a model's file, it lasts until
  // the loader ends, and counts more than what the repository says; a load of no version in particular takes
  // whatever the repository lets go by then.
  using Told = std::function<void(std::optional<Error>)>;
  void change(std::string name, std::uint64_t version, bool load, Told told);
  // Loads what is wanted of a model that isn't loaded before somebody asks (Catalog::Found::cold), and tells
  // in the loader's thread, when it is done, why nothing of it can be served. Those who ask while it is
  // loaded are told at the same time.
  void wake(std::string name, Told told);
  // What its thread is at, where it seems to be stuck: it has done nothing for so long though it has work. A
  // load may take as long as it likes while it computes or reads. One thread, which asks now and then.
  std::optional<std::string> stuck(Clock::time_point now, Clock::duration longest);
  // Versions that came into service after the start.
  std::uint64_t swaps() const { return swaps_.load(std::memory_order_relaxed); }

 private:
  struct Change {
    enum class Kind : std::uint8_t { load, unload, wake };
    std::string name;
    std::uint64_t version;
    Kind kind;
    Told told;
  };
  struct Failure {
    repository::FileStamp stamp;
    Error reason;
    bool passing;  // the same file may be right another time
    Clock::duration pause;
    Clock::time_point next_try;
  };
  struct Loaded {
    repository::FileStamp stamp;
    std::shared_ptr<Servable> servable;
    Clock::time_point since;
    std::optional<Error> absence = {};  // Servable::absence(), as it was told
  };
  struct Label {
    std::uint64_t target = 0;  // in the repository
    std::uint64_t served = 0;  // in the catalog, while the target isn't loaded; 0: it is new
  };
  struct Entry {
    repository::ModelSpec spec;
    bool required = true;  // it was there at the start, and is loaded before anybody asks
    repository::BadVersions history;
    std::set<std::uint64_t> needed;  // LoaderOptions::needed
    std::set<std::uint64_t> bad;     // as the history says; they answer only who asks for them
    repository::Wants wants, saved;  // beyond the policy; what the repository said of it last
    repository::Wants asked;         // of this loader alone; it counts more than `wants`
    bool warned_unsaved = false;
    std::map<std::string, Label, std::less<>> labels;
    std::map<std::string, Error, std::less<>> wrong_labels;  // of those that none serves
    std::map<std::string, Error, std::less<>> faults;  // that have been told: of labels, of what is wanted
    std::map<std::uint64_t, Loaded> loaded;
    std::map<std::uint64_t, Failure> failed;
    std::map<std::uint64_t, Clock::time_point> empty;  // versions' folders, since when
    std::set<std::string> left_out;                    // folders that are none, which have been told
    std::set<std::uint64_t> refused;                   // of the versions that are there
    std::set<std::uint64_t> missing;                   // that the policy names, and aren't there
    std::optional<Error> why_missing;
    std::map<std::uint64_t, std::weak_ptr<Servable>> unloading;
    std::map<std::uint64_t, Error>
        gone;  // whose files went while they were served, until there is a newer one
    std::optional<std::uint64_t> loading;
    std::optional<Error> reason;  // why its repository can't be read
    bool news = false;            // that the catalog doesn't have
    bool warned_slow = false;     // that a row takes longer than an answer should
    // Nothing is loaded before somebody asks; these would be.
    bool asleep = false, waking = false;
    std::set<std::uint64_t> sleeping;
    std::optional<Error> no_room;  // why it went on sleeping when somebody asked
    std::map<std::uint64_t, std::pair<repository::FileStamp, std::uint64_t>> measured;  // bytes, once loaded
  };

  static constexpr std::string_view on_request = "it was let go on request";
  class Doing;
  void run();
  void take_models();
  bool take_models_of(std::size_t given);
  bool is_folder_of_models(const Entry& entry) const;
  void add_entry(const repository::ModelSpec& spec);
  std::vector<repository::ModelSpec> expand(std::size_t given);
  void free_unused(std::vector<std::unique_ptr<Servable>> unused);
  std::optional<Error> why_nothing_is_served() const;
  void look_at(Entry& entry);
  void look_at_all();
  // What the repository says beside its versions.
  void read_wishes(Entry& entry, const std::vector<repository::FoundVersion>& found);
  void take_labels(Entry& entry, repository::Labels read);
  void tell(Entry& entry, std::map<std::string, Error, std::less<>> faults);
  void reconcile(Entry& entry);
  static void note_missing(Entry& entry, const std::vector<repository::FoundVersion>& found);
  static void note_refused(Entry& entry, const std::vector<repository::FoundVersion>& found);
  static bool is_refused(const Entry& entry, std::uint64_t version);
  void tell_if_all_are_refused(const Entry& entry, const std::vector<repository::FoundVersion>& found);
  bool may_be_loaded(const Entry& entry, const repository::FoundVersion& version) const;
  static bool is_wished(const Entry& entry, std::uint64_t version);
  static std::vector<repository::FoundVersion> good_of(
      const Entry& entry, const std::vector<repository::FoundVersion>& candidates);
  // Of what is there, `odd` among it.
  std::vector<repository::FoundVersion> wanted(const Entry& entry,
                                               const std::vector<repository::FoundVersion>& found) const;
  void move_labels(Entry& entry, const std::vector<repository::FoundVersion>& chosen);
  void load(Entry& entry, const repository::FoundVersion& version);
  std::optional<Error> load_if_there_is_room(Entry& entry, const repository::FoundVersion& version);
  bool is_thrown(const Entry& entry) const;
  void watch_absences(Entry& entry);
  static void warn_if_slow(Entry& entry, std::uint64_t version);
  void fail(Entry& entry, const repository::FoundVersion& version, const Error& reason);
  void retire(Entry& entry, std::uint64_t version, const std::string& reason);
  // loader_files.cpp
  void note_odd(Entry& entry, const repository::Contents& contents);
  void note_left_out(Entry& entry, const std::vector<repository::LeftOut>& left_out);
  void note_gone(Entry& entry, const std::vector<repository::FoundVersion>& found,
                 const std::vector<repository::FoundVersion>& chosen);
  static std::string why_let_go(const Entry& entry, std::uint64_t version,
                                const std::vector<repository::FoundVersion>& found,
                                const std::vector<repository::FoundVersion>& chosen);
  void apply(const Change& change);
  void apply_load(Entry& entry, std::uint64_t version);
  void apply_wake(Entry& entry);
  void wake(Entry& entry, const std::function<void()>& load);
  // loader_memory.cpp
  static std::uint64_t bytes_of(const Entry& entry, const repository::FoundVersion& version);
  std::uint64_t bytes_loaded() const;
  std::uint64_t bytes_held() const;
  static Clock::time_point last_use_of(const Entry& entry);
  bool is_in_use(const Entry& entry) const;
  std::vector<Entry*> idle_beside(const Entry& entry);
  bool displace(const Entry& entry, std::uint64_t wanted);
  bool free_in_a_moment(std::chrono::steady_clock::time_point end);
  bool make_room(const Entry& entry, std::uint64_t bytes);
  static bool is_needed(const Entry& entry);
  Error no_room(std::uint64_t bytes) const;
  std::optional<Error> why_no_room(const Entry& entry, std::uint64_t bytes);
  bool is_idle(const Entry& entry) const;
  void fall_asleep(Entry& entry, const std::vector<repository::FoundVersion>& found);
  void apply_unload(Entry& entry, std::uint64_t version);
  void want(Entry& entry, const std::function<void(repository::Wants&)>& change);
  static ModelEntry picture_of(Entry& entry);
  void publish(Entry& entry);
  void publish();
  std::shared_ptr<Servable> owned(std::unique_ptr<Servable> servable);

  LoaderOptions options_;
  EventLog& log_;
  CatalogHolder& catalog_;
  std::function<void()> on_change_;
  const Clock& clock_;
  // The loader's thread's, once it runs.
  std::vector<std::vector<std::string>> given_;  // names of the models that each of options_.models is
  std::vector<std::set<std::string>> left_out_;  // that have been told: folders that are no models, of each
  std::map<std::string, Error, std::less<>>
      faults_;  // that have been told: of folders of models, by their paths
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> numbers_;  // of entries, by their names
  SnapshotMap<ModelEntry> models_;                           // as published last
  bool started_ = false;
  std::atomic<std::uint64_t> swaps_{0};
  // What the thread is at, for whoever looks whether it gets on.
  struct Activity {
    std::mutex mutex;
    std::string what;                       // empty: it waits for work
    std::chrono::nanoseconds computed{-1};  // of the thread, when it had last moved; -1: it is new
    Clock::time_point moved;
  } activity_;

  struct Inbox;  // shared with servables, which may outlive this
  std::shared_ptr<Inbox> inbox_;
  std::thread thread_;
};

}  // namespace nn::serving
