#include "train/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "base/descriptor_path.hpp"
#include "base/live_area.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "train/member.hpp"
#include "train/summary.hpp"

namespace nn::train {
namespace {

using namespace std::chrono_literals;

constexpr auto between_drawings = 100ms;
constexpr auto between_lines = 1s;  // on a terminal that moves no cursor
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

bool is_dumb_terminal() { return ::isatty(STDERR_FILENO) != 0 && !moves_cursor(STDERR_FILENO); }

// A log that scrolls by tells the same, and would share lines with what is drawn.
bool goes_to_terminal(const std::string& log) {
  const auto descriptor = log == "-" ? std::optional(STDOUT_FILENO) : descriptor_named(log);
  return log == "/dev/tty" || (descriptor && ::isatty(*descriptor) != 0);
}

// What people follow: the losses, and of the metrics the one that fits, which comes first.
bool is_followed(std::string_view name) {
  return name == "loss" || name == "val_loss" || name == "val_accuracy" || name == "val_rmse";
}

// "3 (lr=0.001, seed=2)"; empty where there is one only.
std::string name_of(const TrainOptions& member) {
  if (member.member == 0) return {};
  return fmt::format("{} ({})", member.member, own_values_text(member));
}

}  // namespace

SharedProgress::SharedProgress(const std::vector<TrainOptions>& members, std::int64_t rows,
                               std::uint64_t steps_per_epoch)
    : members_(members),
      draws_(!goes_to_terminal(members.front().log)),
      rows_per_step_(static_cast<double>(rows) /
                     static_cast<double>(std::max<std::uint64_t>(steps_per_epoch, 1))),
      steps_per_epoch_(steps_per_epoch),
      total_steps_(members.size() * members.front().epochs * steps_per_epoch),
      start_(Clock::now()),
      next_(start_ + between_drawings),
      courses_(members.size()) {}

SharedProgress::~SharedProgress() { clear_live(this); }

std::uint64_t SharedProgress::steps_of_member() const { return members_.front().epochs * steps_per_epoch_; }

void SharedProgress::resumed(const Member& member) {
  const std::scoped_lock lock(mutex_);
  Course& course = course_of(member.options().member);
  course.epochs = member.state().epoch;
  course.steps = std::min(member.state().step, steps_of_member());
  done_ += course.steps;
  not_here_ += course.steps;
  if (member.done()) end(course);
}

// What it leaves undone counts as done.
void SharedProgress::end(Course& course) {
  if (course.ended) return;
  course.ended = true;
  const std::uint64_t left = steps_of_member() - std::min(course.steps, steps_of_member());
  done_ += left;
  not_here_ += left;
}

void SharedProgress::add(const Member& member, Clock::time_point now) {
  ++done_;
  if (now < next_.load(std::memory_order_relaxed)) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  next_ = now + between_drawings;
  if (members_.size() == 1) loss_ = member.loss();
  draw();
}

void SharedProgress::take_figures(const LogRecord& record) {
  const bool single = members_.size() == 1;
  const bool is_best = !best_ || record.best_score < best_->value;
  if (is_best) {
    const std::string_view score =
        record.figures.size() > 1 && record.figures[1].first == "val_loss" ? "val_loss" : "loss";
    best_ = LiveView::Best{std::string(score), record.best_score, record.best_epoch,
                           name_of(members_[place_of(record.member)])};
  }
  for (const auto& [name, value] : record.figures) {
    if (!is_followed(name)) continue;
    auto figure =
        std::find_if(figures_.begin(), figures_.end(), [&](const LiveFigure& f) { return f.name == name; });
    if (figure == figures_.end()) figure = figures_.insert(figures_.end(), LiveFigure{.name = name});
    if (single || is_best) figure->now = value;
    using Keep = LiveFigure::Keep;
    figure->add(record.epoch, value,
                single                   ? Keep::latest
                : name == "val_accuracy" ? Keep::highest
                                         : Keep::lowest);
  }
}

void SharedProgress::epoch_ended(const LogRecord& record) {
  const std::scoped_lock lock(mutex_);
  Course& course = course_of(record.member);
  course.epochs = record.epoch;
  course.steps = record.step;
  take_figures(record);
  if (record.done) end(course);
  loss_ = unknown;
  tell(record);
}

void SharedProgress::member_ended(std::int64_t member) {
  const std::scoped_lock lock(mutex_);
  ++failed_;
  end(course_of(member));
}

LiveView SharedProgress::view() const {
  LiveView view;
  view.epochs = members_.front().epochs;
  view.members = members_.size();
  view.folds = members_.front().folds;
  if (view.folds > 0) view.fold = static_cast<std::size_t>(members_.front().member);
  view.failed = failed_;
  view.least_epoch = view.epochs;
  for (const Course& course : courses_) {
    const std::uint64_t in = std::min(course.epochs + 1, view.epochs);
    view.most_epoch = std::max(view.most_epoch, in);
    if (course.ended) {
      ++view.done;
    } else {
      view.least_epoch = std::min(view.least_epoch, in);
    }
  }
  view.least_epoch = std::min(view.least_epoch, view.most_epoch);
  const std::uint64_t done = std::min(done_.load(), total_steps_);
  view.share = total_steps_ > 0 ? static_cast<double>(done) / static_cast<double>(total_steps_) : 1;
  view.elapsed_s = std::chrono::duration<double>(Clock::now() - start_).count();
  const double here = static_cast<double>(done - std::min(done, not_here_));
  view.rows_per_s = view.elapsed_s > 0 ? here * rows_per_step_ / view.elapsed_s : 0;
  if (here > 0) view.left_s = static_cast<double>(total_steps_ - done) * view.elapsed_s / here;
  if (view.fold > 0) {  // those behind it take as long
    const auto folds = static_cast<double>(view.folds), before = static_cast<double>(view.fold - 1);
    if (view.left_s) *view.left_s += (folds - before - 1) * (view.elapsed_s + *view.left_s);
    view.share = (before + view.share) / folds;
  }
  view.figures = figures_;
  view.best = best_;
  if (members_.size() == 1 && std::isfinite(loss_)) {
    if (view.figures.empty()) view.figures.push_back({"loss"});
    view.figures.front().now = loss_;
  }
  return view;
}

void SharedProgress::draw() {
  if (progress_requested()) print_message(live_line(view()));
  if (!draws_ || !has_live_area()) return;
  const TerminalSize size = live_area_size();
  show_live(this, live_lines(view(), size.columns, size.rows, wants_colours(), shows_utf8()));
}

void SharedProgress::tell(const LogRecord& record) {
  const auto now = Clock::now();
  if (verbosity() != Verbosity::verbose) {
    if (verbosity() == Verbosity::quiet || !is_dumb_terminal() || now - told_ < between_lines) return;
    told_ = now;
  }
  std::string text =
      record.member > 0
          ? fmt::format("{} {}, ", members_.front().folds > 0 ? "fold" : "member", record.member)
          : "";
  text += fmt::format("epoch {}/{}: ", record.epoch, members_.front().epochs);
  for (std::size_t i = 0; i < record.figures.size(); ++i) {
    const auto& [name, value] = record.figures[i];
    if (name == "loss" || name.starts_with("val_"))
      text += fmt::format("{}{} {}", i == 0 ? "" : ", ", name, short_figure(value));
  }
  text += record.best_epoch == record.epoch ? ", the best so far"
                                            : fmt::format(", best epoch {}", record.best_epoch);
  const LiveView here = view();
  text += fmt::format("; {} rows/s", format_count(static_cast<std::uint64_t>(here.rows_per_s)));
  if (here.left_s && !record.done) text += fmt::format(", ETA {}", format_duration(*here.left_s));
  print_message(text);
}

}  // namespace nn::train
