// Journals with a line that is none, in each place, and what becomes of them.
#include "study/repair.hpp"

#include <sys/stat.h>

#include "../catch.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "dump.hpp"
#include "fake_file.hpp"
#include "study/presence.hpp"
#include "study/replay.hpp"

using namespace nn;
using namespace nn::study;

namespace {

const std::string folder = NN_STUDY_DATA;

std::string text_of(const std::string& path) { return read_text(path, std::size_t{1} << 24); }

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines = split_lines(text_of(path));
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + '\n';
  return out;
}

Replay replay_of(const std::string& bytes) {
  Replay replay("s.jsonl");
  replay.apply(bytes);
  return replay;
}

// What each trial is, by its id over all studies.
std::vector<std::string> trials_of(const Replay& replay) {
  std::vector<std::string> trials(replay.trial_ids());
  for (const StudyLog& log : replay.studies()) {
    const std::vector<std::string> lines = split_lines(test::dump(log));
    for (const Trial& trial : log.trials) trials[trial.id] = lines[trial.number];
  }
  return trials;
}

bool is_whole(const Replay& replay) {
  for (const Notice& notice : replay.notices()) {
    if (notice.text.find("left out") != std::string::npos) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("what is right stays as it is") {
  for (const char* name : {"/format-1.jsonl", "/optuna.jsonl"}) {
    const std::string bytes = text_of(folder + name);
    const Repair same = repair(bytes, "s.jsonl");
    CHECK(same.said.empty());
    CHECK(same.bytes == bytes);
  }
  CHECK(repair("", "s.jsonl").said.empty());
}

TEST_CASE("a bad line in each place leaves all other trials what they are") {
  const std::string golden = GENERATE("/format-1.jsonl", "/optuna.jsonl");
  const std::vector<std::string> lines = lines_of(folder + golden);
  const std::vector<std::string> before = trials_of(replay_of(joined(lines)));
  for (std::size_t bad = 0; bad < lines.size(); ++bad) {
    INFO(golden << ":" << bad + 1 << ": " << lines[bad]);
    Line line;
    REQUIRE_FALSE(parse_line(lines[bad], line));
    std::optional<std::uint64_t> of = line.trial;
    if (line.op == Op::create_trial) {
      std::size_t made = 0;
      for (std::size_t i = 0; i < bad; ++i)
        made += lines[i].find("\"op_code\":4,") != std::string::npos ? 1 : 0;
      of = made;
    }
    // The first half of it; something else in its place, which only later lines can tell.
    for (const bool half : {true, false}) {
      auto torn = lines;
      torn[bad] = half ? lines[bad].substr(0, lines[bad].size() / 2) : std::string(9, '\0') + "garbage\xFF";
      if (line.op == Op::create_study) {
        // Another study may have its number; of one that stands alone nothing is left.
        if (replay_of(joined(lines)).studies().size() == 1)
          CHECK_THROWS_AS(repair(joined(torn), "s.jsonl"), Error);
        continue;
      }
      const bool is_last_made = line.op == Op::create_trial && of == before.size() - 1;
      if (line.op == Op::create_trial && !half && (is_last_made || golden == "/optuna.jsonl")) continue;
      const Repair done = repair(joined(torn), "s.jsonl");
      CHECK(!done.said.empty());
      const Replay replay = replay_of(done.bytes);
      CHECK(is_whole(replay));
      CHECK(repair(done.bytes, "s.jsonl").said.empty());
      const std::vector<std::string> after = trials_of(replay);
      REQUIRE(after.size() == before.size());
      for (std::size_t t = 0; t < before.size(); ++t) {
        if (of != t && line.op != Op::delete_study) CHECK(after[t] == before[t]);
      }
      if (line.op == Op::create_trial) CHECK(after[*of].find(" failed []") != std::string::npos);
    }
  }
}

namespace {

// A journal of three trials that ended.
std::vector<std::string> three() {
  const Identity who{"nn-sweep/host:1:boot:2:00000001"};
  std::vector<std::string> lines{study_line(who, "s", {Direction::minimize}, "{\"format\":1}")};
  for (std::uint32_t t = 0; t < 3; ++t) {
    NewTrial trial;
    trial.study = 0;
    trial.id = t;
    trial.start = Date{std::chrono::seconds(1000 + t)};
    lines.push_back(trial_line(who, trial));
    lines.push_back(end_line(who, {t, 1}, State::complete, {0.5 + t}, Date{std::chrono::seconds(2000)}, {}));
  }
  for (std::string& line : lines) line.pop_back();
  return lines;
}

}  // namespace

TEST_CASE("lines that another writer went on from") {
  auto lines = three();
  const auto before = trials_of(replay_of(joined(lines)));
  SECTION("what was never finished was no trial") { lines[5] = lines[5].substr(0, 40) + lines[5]; }
  SECTION("zeros in front of it") { lines[5] = std::string(4096, '\0') + lines[5]; }
  SECTION("no end of line between") {
    lines[4] += lines[5];
    lines.erase(lines.begin() + 5);
  }
  const Repair done = repair(joined(lines), "s.jsonl");
  CHECK(!done.said.empty());
  CHECK(done.bytes == joined(three()));
  CHECK(trials_of(replay_of(done.bytes)) == before);
}

TEST_CASE("trials that only later lines tell of") {
  auto lines = three();
  const auto before = trials_of(replay_of(joined(lines)));
  SECTION("in the place of zeros") { lines[1] = std::string(100, '\0'); }
  SECTION("gone without a trace") { lines.erase(lines.begin() + 1); }
  SECTION("and a bad line in front of all studies is none") {
    lines.erase(lines.begin() + 1);
    lines.insert(lines.begin(), "{\"op_code\":4,");
  }
  SECTION("two of them") {
    lines[1] = "x";
    lines.erase(lines.begin() + 2, lines.begin() + 4);
    lines.erase(lines.begin() + 2);
  }
  const Repair done = repair(joined(lines), "s.jsonl");
  const auto after = trials_of(replay_of(done.bytes));
  REQUIRE(after.size() == 3);
  CHECK(after[2] == before[2]);
  CHECK(after[0] == "0 failed []");
}

TEST_CASE("what can't be mended is refused, and bounded") {
  auto lines = three();
  SECTION("the study is gone") { lines[0] = "x"; }
  SECTION("the study is gone, and what made its trials") { lines[0] = lines[1] = lines[3] = lines[5] = "x"; }
  SECTION("numbers go back") { std::swap(lines[1], lines[5]); }
  SECTION("a number that nothing in the journal bears out") {
    lines[5].replace(lines[5].find("\"t\":2"), 5, "\"t\":4000000000");
  }
  CHECK_THROWS_AS(repair(joined(lines), "s.jsonl"), Error);
}

TEST_CASE("a file is replaced as a whole, and what it was stays") {
  test::Folder place;
  const std::string path = place / "s.jsonl";
  auto lines = three();
  lines[2] = "x";
  const std::string torn = joined(lines) + "{\"op_code\":4";
  write_file(path, torn);
  ::chmod(path.c_str(), 0640);
  CHECK(journal_faults(path).size() == 1);
  {
    const Presence alive(path);
    CHECK_THROWS_WITH(repair_journal(path), Catch::Contains("may be alive"));
  }
  CHECK(repair_journal(path).size() == 2);
  CHECK(text_of(path + ".bak") == torn);
  CHECK(journal_faults(path).empty());
  struct stat status {};
  ::stat(path.c_str(), &status);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(repair_journal(path).empty());
  write_file(path, torn);
  CHECK_THROWS_WITH(repair_journal(path), Catch::Contains(".bak"));  // one that is there isn't lost
  CHECK(text_of(path) == torn);
}
