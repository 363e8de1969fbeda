#include "study/repair.hpp"

#include <fmt/format.h>

#include <charconv>
#include <deque>
#include <optional>
#include <unordered_set>

#include "base/error.hpp"
#include "study/line.hpp"
#include "study/replay.hpp"

namespace nn::study {
namespace {

constexpr std::string_view first_key = "{\"op_code\"";

// The number that stands behind "key": in what is left of a line.
std::optional<std::uint32_t> number_behind(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(at + key.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  std::uint32_t number = 0;
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (read.ec != std::errc() || read.ptr == rest.data() + rest.size()) return std::nullopt;
  return number;
}

class Repairer {
 public:
  explicit Repairer(const std::string& name) : name_(name) {}

  void take(std::string_view text) {
    ++line_;
    if (!parse_line(text, parsed_)) return keep(text);
    // Something that was never finished, and then a line of somebody who didn't see that.
    const auto at = text.rfind(first_key);
    const bool has_line = at != std::string_view::npos && at > 0 && !parse_line(text.substr(at), parsed_);
    const std::string_view bad = has_line ? text.substr(0, at) : text;
    if (has_line && !parse_line(bad, parsed_)) {
      said("two lines without an end between them are taken apart");
      keep(bad);
    } else {
      leave_out(bad, has_line);
    }
    if (!has_line) return;
    parse_line(text.substr(at), parsed_);
    keep(text.substr(at));
  }

  Repair finish(std::string_view tail) {
    settle();
    if (!tail.empty())
      said_.push_back(fmt::format("{}: {} bytes of a line that was never finished go", name_, tail.size()));
    Repair out;
    std::uint32_t id = 0;
    for (const Piece& piece : pieces_) {
      for (std::size_t i = 0; i < piece.lost; ++i) {
        out.bytes += placeholder(id++, piece);
        said_.push_back(fmt::format("{}:{}: trial {} is lost, and has failed", name_, piece.line, id - 1));
      }
      if (piece.bad) continue;
      out.bytes.append(piece.text).append(1, '\n');
      if (piece.makes_trial) ++id;
    }
    out.said = std::move(said_);
    return out;
  }

 private:
  struct Piece {
    std::string_view text;
    std::uint64_t line;
    bool bad = false, makes_trial = false;
    bool made_trial = false;  // what is left of a bad one says so
    std::size_t lost = 0;     // trials that stand in front of it
    std::uint32_t study = 0;  // that those are of
    Date date{};
  };
  struct Known {
    std::string name;
    bool deleted = false;
  };

  void said(std::string text) { said_.push_back(fmt::format("{}:{}: {}", name_, line_, text)); }
  [[noreturn]] void fail(const std::string& text) const {
    throw make_error(ErrorKind::data, "{}", text)
        .within_file(name_, static_cast<std::int64_t>(line_))
        .advise("; this can't be mended: take the journal from a backup");
  }

  void leave_out(std::string_view bad, bool was_never_finished) {
    said(fmt::format("{} bytes that are no line go", bad.size()));
    Piece piece{bad, line_, true};
    piece.study = study_;
    piece.date = date_;
    if (const auto study = number_behind(bad, "\"study_id\":"); study && has_study(*study))
      piece.study = *study;
    // Nobody has read what had no end.
    piece.made_trial =
        !was_never_finished && number_behind(bad, "\"op_code\":") == 4U && has_study(piece.study);
    // In front of all studies there is no trial.
    if (has_study(piece.study)) open_.push_back(pieces_.size());
    pieces_.push_back(piece);
  }

  // `parsed_` is the line.
  void keep(std::string_view text) {
    Piece piece{text, line_};
    switch (parsed_.op) {
      case Op::create_study: create_study(); break;
      case Op::delete_study:
        if (has_study(*parsed_.study)) studies_[*parsed_.study].deleted = true;
        break;
      case Op::create_trial: create_trial(piece); break;
      case Op::study_user_attribute:
      case Op::study_system_attribute: check_study(); break;
      case Op::discard_trials: break;
      default:
        // Who speaks of a trial knows that it was made. Of others' lines that is only so where something is
        // bad.
        if (*parsed_.trial >= made_ && (parsed_.is_ours || !open_.empty()))
          lose(*parsed_.trial - made_ + 1, piece);
    }
    pieces_.push_back(piece);
  }

  void create_study() {
    for (const Known& known : studies_) {
      if (!known.deleted && known.name == parsed_.study_name) return;
    }
    studies_.push_back({std::string(parsed_.study_name)});
  }

  bool has_study(std::uint64_t id) const { return id < studies_.size() && !studies_[id].deleted; }
  void check_study() const {
    if (*parsed_.study >= studies_.size())
      fail(fmt::format("the line that made study {} is lost", *parsed_.study));
  }

  void create_trial(Piece& piece) {
    check_study();
    if (!has_study(*parsed_.study)) return;
    study_ = static_cast<std::uint32_t>(*parsed_.study);
    if (const auto date = parse_date(parsed_.start)) date_ = *date;
    piece.date = date_;
    if (parsed_.is_ours && parsed_.check) {
      // What is left of lines may mean less than it seems.
      if (*parsed_.check < made_ + guessed()) forget_guesses();
      if (*parsed_.check < made_)
        fail(fmt::format("trial {} is made here, after {} others", *parsed_.check, made_));
      lose(*parsed_.check - made_, piece);
      open_.clear();
    }
    piece.makes_trial = true;
    ++made_;
  }

  std::size_t guessed() const {
    std::size_t count = 0;
    for (const std::size_t p : open_) count += pieces_[p].made_trial && pieces_[p].lost == 0 ? 1 : 0;
    return count;
  }
  void forget_guesses() {
    for (const std::size_t p : open_) pieces_[p].made_trial = false;
  }

  // So many trials were made before this line: where lines are bad that look like it, then where others are,
  // and what is left in front of this one.
  void lose(std::uint64_t count, Piece& here) {
    lost_ += count;
    if (count > max_lost_trials || lost_ > max_lost_trials)
      fail(fmt::format("{} trials in front of it are lost", lost_));
    for (const bool only_likely : {true, false}) {
      for (const std::size_t p : open_) {
        Piece& piece = pieces_[p];
        if (count == 0 || piece.lost > 0 || (only_likely && !piece.made_trial)) continue;
        piece.lost = 1;
        ++made_;
        --count;
      }
    }
    if (count == 0) return;
    if (open_.empty() && !has_study(study_)) fail("the line that made its study is lost");
    Piece& last = open_.empty() ? here : pieces_[open_.back()];
    if (open_.empty()) {
      last.study = study_;
      if (last.date == Date{}) last.date = date_;
    }
    last.lost += count;
    made_ += count;
  }

  // What nothing behind it speaks against.
  void settle() {
    for (const std::size_t p : open_) {
      if (!pieces_[p].made_trial || pieces_[p].lost > 0) continue;
      pieces_[p].lost = 1;
      ++made_;
    }
    open_.clear();
  }

  std::string placeholder(std::uint32_t id, const Piece& piece) const {
    const Identity who{std::string(worker_prefix) + "repair"};
    NewTrial trial;
    trial.study = piece.study;
    trial.id = id;
    trial.state = State::failed;
    // Optuna wants one; that of the trial before is near.
    trial.start = trial.end = piece.date == Date{} ? Date{std::chrono::seconds(1)} : piece.date;
    trial.system_attributes = R"({"nn.lost":true})";
    return trial_line(who, trial);
  }

  const std::string& name_;
  std::uint64_t line_ = 0, made_ = 0, lost_ = 0;
  Line parsed_;
  std::deque<Known> studies_;
  std::uint32_t study_ = 0;  // of the last trial
  Date date_{};
  std::deque<Piece> pieces_;
  std::vector<std::size_t> open_;  // bad pieces since the number of trials was last known for sure
  std::vector<std::string> said_;
};

}  // namespace

Repair repair(std::string_view bytes, const std::string& name) {
  Repairer repairer(name);
  std::size_t at = 0;
  for (std::size_t end; (end = bytes.find('\n', at)) != std::string_view::npos; at = end + 1)
    repairer.take(bytes.substr(at, end - at));
  Repair done = repairer.finish(bytes.substr(at));
  // What is written is what everybody can read.
  Replay(name).apply(done.bytes);
  return done;
}

}  // namespace nn::study
