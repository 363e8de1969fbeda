// What a Replay is made of. For this module only.
#pragma once

#include <string>
#include <unordered_map>

#include "study/known.hpp"
#include "study/replay.hpp"

namespace nn::study {

// More than these are nobody's, and would make work that isn't in proportion to a journal's bytes.
inline constexpr std::size_t max_parameters = 1000, max_attributes = 4000, max_headers = 1000;

struct Replay::State {
  explicit State(std::string journal) : name(std::move(journal)) {}

  std::string name;
  std::uint64_t offset = 0, lines = 0;
  std::uint64_t skipped = 0;  // of a line that is too long
  std::deque<StudyLog> studies;
  struct Place {
    std::uint32_t study, number;
  };
  std::vector<Place> places;  // by a trial's id
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> by_name;
  std::vector<Notice> notices;
  std::uint64_t notice_count = 0;

  Texts texts;
  KnownParameters parameters;
  // Of each study, what only its replay needs.
  struct More {
    std::vector<std::uint32_t> changes;
    // By a parameter's name, the first trial that has it, and what it is there.
    struct First {
      std::uint32_t number;
      const KnownParameter* what;
    };
    std::unordered_map<std::string_view, First> first;
  };
  std::deque<More> more;
  std::vector<std::uint32_t> unsorted;  // ids of trials whose reports are not in order
  Line line;
  std::deque<std::string> unescaped;

  void apply_line(std::string_view text);
  void say_header(StudyLog& study, std::string_view nn);
  std::uint32_t last_header(const Trial& trial) const;
  void create_study();
  void delete_study();
  void study_attributes();
  void create_trial();
  void take_parameters(Trial& trial);
  void begin_ours(Trial& trial);
  void parameter(Trial& trial);
  void set_parameter(Trial& trial, const KnownParameter& what, double value);
  void state(Trial& trial);
  void end(Trial& trial, study::State to, OwnKeys& keys);
  void report(Trial& trial);
  void add_report(Trial& trial, std::int64_t step, double value, const OwnKeys& keys);
  void trial_attributes(Trial& trial);
  void trial_attribute(Trial& trial, const Line::AttributeText& text, const OwnKeys& keys);
  void attempt(Trial& trial, std::string_view json, const OwnKeys& keys);
  void checkpoint(Trial& trial, std::string_view json);
  void not_finite(Trial& trial, std::string_view json, const OwnKeys& keys);
  bool is_stale(const Trial& trial, const OwnKeys& keys);
  OwnKeys own_keys();
  Date date(std::string_view text);

  StudyLog* find_study();
  Trial* find_open();
  bool set_attribute(std::vector<Attribute>& attributes, const Line::AttributeText& text);
  void move_to(Trial& trial, study::State to);
  void enter_state(StudyLog& study, const Trial& trial);
  void changed(const Trial& trial);
  void sort_reports();
  void notice(std::string text);
};

}  // namespace nn::study
