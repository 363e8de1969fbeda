// Appending to a journal that others append to, on a disk that fails.
#include "study/journal.hpp"

#include "../catch.hpp"
#include "base/error.hpp"
#include "fake_file.hpp"

using namespace nn;
using namespace nn::study;
using test::FakeDisk;

namespace {

const Identity us{"nn-sweep/h:1:b:1:r"};

// The link beside the file is a real one.
struct Bed {
  test::Folder folder;
  test::ManualClock clock;
  FakeDisk disk;
  std::string path = folder / "s.jsonl";
  std::unique_ptr<Journal> open() { return std::make_unique<Journal>(path, test::on(disk, clock)); }
};

void begin(Journal& journal) {
  journal.append(Durable::yes,
                 [](Batch& batch) { batch.add(study_line(us, "s", {Direction::minimize}, "{}")); });
}
void create(Batch& batch) {
  NewTrial trial;
  trial.study = 0;
  trial.id = batch.replay().trial_ids();
  batch.add(trial_line(us, trial));
}
std::size_t trials(const Journal& journal) {
  return journal.replay().studies().empty() ? 0 : journal.replay().studies()[0].trials.size();
}

}  // namespace

TEST_CASE("what one appends the others see, and a batch is one write") {
  Bed bed;
  auto a = bed.open(), b = bed.open();
  begin(*a);
  CHECK(b->refresh());
  CHECK_FALSE(b->refresh());
  const std::size_t writes = bed.disk.writes, syncs = bed.disk.syncs;
  b->append(Durable::yes, [](Batch& batch) {
    create(batch);
    CHECK(batch.replay().trial_ids() == 1);  // it counts at once
    create(batch);
  });
  CHECK(bed.disk.writes == writes + 1);
  CHECK(bed.disk.syncs == syncs + 1);
  // Who decides has read all there is.
  a->append(Durable::no, [](Batch& batch) {
    CHECK(batch.replay().trial_ids() == 2);
    create(batch);
  });
  CHECK(bed.disk.syncs == syncs + 1);
  a->sync();
  CHECK(bed.disk.syncs == syncs + 2);
  a->append(Durable::yes, [](Batch&) {});
  CHECK(bed.disk.writes == writes + 2);  // nothing to say is not written
  CHECK_FALSE(bed.disk.locked);
}

TEST_CASE("a disk that fails leaves the journal as it was") {
  Bed bed;
  auto a = bed.open(), reader = bed.open();
  begin(*a);
  a->append(Durable::yes, create);
  const std::string before = bed.disk.bytes;
  const auto attempt = [&] {
    try {
      a->append(Durable::yes, [](Batch& batch) {
        create(batch);
        create(batch);
      });
      FAIL("it was written");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::io);
      CHECK(error.is_within(bed.path));
    }
    CHECK(bed.disk.bytes == before);
    CHECK_FALSE(bed.disk.locked);
    a->refresh();
    CHECK(trials(*a) == 1);
  };
  SECTION("no room, after as many bytes as you like") {
    for (std::size_t room = 0; room < 300; room += 7) {
      bed.disk.room = room;
      attempt();
    }
  }
  SECTION("an error of the disk") {
    bed.disk.room = 10;
    bed.disk.write_error = EIO;
    attempt();
  }
  SECTION("it can't be synced") {
    bed.disk.sync_error = EIO;
    attempt();
  }
  bed.disk.room.reset();
  bed.disk.sync_error = 0;
  a->append(Durable::yes, create);
  reader->refresh();
  CHECK(trials(*reader) == 2);
  CHECK(reader->replay().notice_count() == 0);
}

TEST_CASE("a short write goes on where it stopped") {
  Bed bed;
  auto a = bed.open();
  begin(*a);
  // Room for a part, and then, since the error is past, for the rest.
  bed.disk.room = 20;
  bed.disk.before_write = [&] { bed.disk.before_write = [&] { bed.disk.room.reset(); }; };
  a->append(Durable::yes, create);
  auto reader = bed.open();
  reader->refresh();
  CHECK(trials(*reader) == 1);
  CHECK(reader->replay().notice_count() == 0);
}

TEST_CASE("what could not be taken back is cut off by the next") {
  Bed bed;
  auto a = bed.open(), b = bed.open();
  begin(*a);
  bed.disk.room = 25;
  bed.disk.truncate_error = EIO;
  CHECK_THROWS_AS(a->append(Durable::yes, create), Error);
  bed.disk.truncate_error = 0;
  bed.disk.room.reset();
  b->append(Durable::yes, create);
  CHECK(b->take_dropped() ==
        bed.path + ": 25 bytes of a line that was never finished are dropped, after line 1");
  CHECK(b->take_dropped().empty());
  CHECK(trials(*b) == 1);
}

TEST_CASE("a reader that saw what was taken back reads anew") {
  Bed bed;
  auto a = bed.open(), reader = bed.open();
  begin(*a);
  a->append(Durable::yes, create);
  reader->refresh();
  const auto generation = reader->generation();
  // Seen, taken back, and longer by now than it was.
  bed.disk.sync_error = EIO;
  bed.disk.before_write = [&] {};
  const std::string kept = bed.disk.bytes;
  const std::string phantom = R"({"op_code":6,"worker_id":"x","trial_id":0,"state":1,"values":[1]})"
                              "\n";
  bed.disk.bytes += phantom;
  reader->refresh();
  CHECK(reader->replay().find_trial(0)->state == State::complete);
  bed.disk.bytes = kept;
  bed.disk.sync_error = 0;
  a->append(Durable::yes, create);
  CHECK(reader->refresh());
  CHECK(reader->generation() == generation + 1);
  CHECK(reader->replay().find_trial(0)->state == State::running);
  CHECK(trials(*reader) == 2);
}

TEST_CASE("half written pages that a reader without a lock saw are read again under it") {
  Bed bed;
  auto a = bed.open();
  begin(*a);
  auto b = bed.open();
  b->refresh();
  const std::string line = R"({"op_code":4,"worker_id":"x","study_id":0,"datetime_start":null})"
                           "\n";
  bed.disk.bytes += std::string(line.size() - 1, '\0') + "\n";
  b->refresh();
  CHECK(b->replay().notice_count() == 1);
  bed.disk.bytes.replace(bed.disk.bytes.size() - line.size(), line.size(), line);
  b->append(Durable::yes, create);
  CHECK(b->replay().notice_count() == 0);
  CHECK(trials(*b) == 2);
}

TEST_CASE("a file that is no journal stays as it is, and one whose first line is torn goes on") {
  const std::string zeros(3, '\0');
  for (const std::string there : {"1,2\n3,4", "{\"a\": 1}\n", "\n", "ARROW1"}) {
    Bed bed;
    bed.disk.bytes = there;
    CHECK_THROWS_WITH(begin(*bed.open()), bed.path + ": it is no journal, and stays as it is");
    CHECK(bed.disk.bytes == there);
  }
  for (const std::string& there : {std::string("{\"op_co"), std::string("{\"op_code\":0,\"work"), zeros}) {
    Bed bed;
    bed.disk.bytes = there;
    auto journal = bed.open();
    begin(*journal);
    CHECK(journal->replay().studies().size() == 1);
  }
}

TEST_CASE("what throws while it decides writes nothing") {
  Bed bed;
  auto a = bed.open();
  begin(*a);
  const std::string before = bed.disk.bytes;
  CHECK_THROWS_AS(a->append(Durable::yes,
                            [](Batch& batch) {
                              create(batch);
                              fail_usage("no");
                            }),
                  Error);
  CHECK(bed.disk.bytes == before);
  a->refresh();
  CHECK(trials(*a) == 0);
}

TEST_CASE("a journal that was replaced takes nothing more") {
  Bed bed;
  auto a = bed.open();
  begin(*a);
  bed.disk.replaced = true;
  CHECK_THROWS_WITH(a->append(Durable::yes, create), Catch::Contains("removed or replaced"));
}

TEST_CASE("a file that was lost is opened again, and decided about anew") {
  const int error = GENERATE(EIO, ESTALE);
  Bed bed;
  auto a = bed.open(), b = bed.open();
  begin(*a);
  INFO(error);
  const std::string line = R"({"op_code":4,"worker_id":"py","study_id":0,"datetime_start":null})"
                           "\n";
  std::size_t expected = 1;
  SECTION("before anything is done") { bed.disk.lose(error); }
  SECTION("while it is written, with a part there") {
    bed.disk.before_write = [&] {
      bed.disk.bytes += line.substr(0, 7);  // anything: it has no end
      bed.disk.lose(error);
    };
  }
  SECTION("when all is written, and isn't known to be durable") {
    bed.disk.before_sync = [&] { bed.disk.lose(error); };
  }
  SECTION("then others have the lock, and write") {
    bed.disk.before_write = [&] {
      bed.disk.lose(error);
      bed.disk.bytes += line;
    };
    expected = 2;
  }
  SECTION("others write behind what is there already") {
    // Nobody can tell any more that it was taken back: it is kept, and the same is decided again.
    bed.disk.before_sync = [&] {
      bed.disk.lose(error);
      bed.disk.bytes += line;
    };
    expected = 3;
  }
  a->append(Durable::yes, create);
  CHECK(trials(*a) == expected);
  CHECK_FALSE(bed.disk.locked);
  // Another object finds out by reading.
  CHECK(b->refresh());
  CHECK(trials(*b) == expected);
  CHECK(b->replay().notice_count() == 0);
  bed.disk.lose(error);
  CHECK_FALSE(b->refresh());
  b->append(Durable::yes, create);
  CHECK(trials(*b) == expected + 1);
}

TEST_CASE("a file that is lost again and again is a disk that fails") {
  Bed bed;
  auto a = bed.open();
  begin(*a);
  const std::string before = bed.disk.bytes;
  std::function<void()> again = [&] {
    bed.disk.lose(EIO);
    bed.disk.before_write = again;
  };
  bed.disk.before_write = again;
  try {
    a->append(Durable::yes, create);
    FAIL("it was written");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
    CHECK(error.is_within(bed.path));
  }
  bed.disk.before_write = nullptr;
  CHECK(bed.disk.bytes == before);
  a->append(Durable::yes, create);
  CHECK(trials(*a) == 1);
}

TEST_CASE("a lost file whose path is another one by now is final") {
  Bed bed;
  auto a = bed.open();
  begin(*a);
  const bool writes = GENERATE(true, false);
  bed.disk.inode = 2;
  bed.disk.lose(ESTALE);
  try {
    if (writes) {
      a->append(Durable::yes, create);
    } else {
      a->refresh();
    }
    FAIL("it went on");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(error.message() == "somebody has removed or replaced it while it was in use");
  }
}

TEST_CASE("whoever holds the lock for too long is reported, and nothing hangs") {
  Bed bed;
  auto a = bed.open();
  begin(*a);
  bed.disk.locked = true;
  try {
    a->append(Durable::yes, create);
    FAIL("it was written");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unavailable);
  }
  CHECK(bed.clock.now().time_since_epoch() >= std::chrono::seconds(60));
  CHECK(bed.clock.now().time_since_epoch() < std::chrono::seconds(61));
}

TEST_CASE("a process that stood still with the lock doesn't write over others") {
  Bed bed;
  auto a = bed.open(), b = bed.open();
  begin(*a);
  int calls = 0;
  a->append(Durable::yes, [&](Batch& batch) {
    if (calls++ == 0) {
      // ^Z for an hour: Optuna's workers take the link away, and write.
      bed.clock.advance(std::chrono::hours(1));
      bed.disk.bytes += R"({"op_code":4,"worker_id":"py","study_id":0,"datetime_start":null})"
                        "\n";
    }
    create(batch);
  });
  CHECK(calls == 2);
  b->refresh();
  CHECK(trials(*b) == 2);
  CHECK(b->replay().notice_count() == 0);
}
