// What a Study is made of. For this module only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "study/study.hpp"

namespace nn::study {

struct Study::State {
  State(const std::string& path, How made, bool write, bool create);

  // Finds the study; what it says of itself. Whether it is there.
  bool find(const Replay& replay, const std::string& name);
  void open(const Opening& opening);
  void begin(Batch& batch, const Opening& opening);
  void go_on(Batch& batch, const Opening& opening);
  void check_objectives(Batch& batch, const Opening& opening);
  void check_space(const StudyLog& log, const search::Space& space) const;
  // After others may have written: their header counts. Always true.
  bool look();
  void make_columns();
  // Where all was read anew, what columns know of the trials that were is of no use.
  void follow();
  void check_own_space() const;
  // Up to date with the log.
  const FailedPoints& failed_points();
  std::uint64_t seed() const { return header ? header->seed : 0; }

  How how;
  Identity identity;
  Journal journal;
  std::uint32_t id = 0;
  std::string nn;  // from which `header` was read
  std::optional<Header> header;
  std::unique_ptr<Columns> columns;
  FailedPoints failed;
  std::size_t failed_count = 0;  // of trials that are among them
  std::uint64_t generation = 0;
  std::vector<std::string> notes;
  std::uint64_t told_line = 0;
  bool told_more = false;
};

}  // namespace nn::study
