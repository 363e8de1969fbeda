// The journal cut at every byte of its last lines: it goes on, and says what was dropped.
#include <fstream>
#include <sstream>

#include "../catch.hpp"
#include "fake_file.hpp"
#include "study/study.hpp"

using namespace nn;
using namespace nn::study;

TEST_CASE("a journal that is cut at any byte goes on") {
  test::Folder folder;
  test::ManualClock clock;
  test::FakeDisk disk;
  const auto open = [&] {
    Opening opening;
    opening.objectives = {{"loss", Direction::minimize}};
    opening.header = Header{.version = "1", .space = {"x=uniform:0:1"}};
    return Study(folder / "s.jsonl", opening, {"h:1:b:1:r", test::patience(clock), [&] {
                                                 return std::make_unique<test::FakeFile>(disk);
                                               }});
  };
  const Propose propose = [](const search::Space&, const search::History&, std::uint64_t,
                             RandomStream& random) {
    return std::optional(search::Proposal{{random.uniform()}, search::SamplerKind::random});
  };
  {
    Study study = open();
    for (int i = 0; i < 3; ++i) {
      const auto asked = study.ask({}, propose, {});
      study.commit(Durable::yes, [&](Change& change) {
        change.report(asked->run, 1, 0.5, 1.5);
        change.end(asked->run, State::complete, {0.5}, {});
      });
    }
  }
  const std::string whole = disk.bytes;
  std::size_t lines_from = whole.size() - 1;
  for (int i = 0; i < 3; ++i) lines_from = whole.rfind('\n', lines_from - 1);
  for (std::size_t size = lines_from + 1; size <= whole.size(); ++size) {
    for (const char* tail : {"", "\0\0\0\0"}) {
      disk.bytes = whole.substr(0, size) + std::string(tail, *tail ? 4 : 0);
      INFO(size);
      const std::string kept = whole.substr(0, whole.rfind('\n', size - 1) + 1);
      Study study = open();
      CHECK(study.take_notes().size() == (kept.size() == size ? 0 : 1));
      const auto asked = study.ask({.trials = 10}, propose, {});
      REQUIRE(asked);
      study.commit(Durable::yes, [&](Change& change) {
        for (const std::uint32_t number : std::set(change.log().running))
          change.end({number, 1}, State::complete, {0.25}, {});
      });
      CHECK(disk.bytes.starts_with(kept));
      Replay replay("s.jsonl");
      CHECK(replay.apply(disk.bytes) == disk.bytes.size());
      CHECK(replay.notice_count() == 0);
      CHECK(replay.studies()[0].count(State::complete) == replay.studies()[0].trials.size());
    }
  }
}
