// An option, said once. From its definition come the parser, --help, the completions of three
// shells, the option section of the manual, the resume key, the command line that a model remembers
// and what a client may tell a worker. A module defines the options of its structs beside them:
//
//   options::List option_list(TrainOptions& o) {
//     options::List list;
//     options::Group run(list, "Run", Effect::run);
//     run.add({.name = "epochs", .value = "N", .help = "Passes over the rows (default: {default})"},
//             options::count(o.epochs, 1));
//
// Texts are literals: definitions copy none of them. A list refers to the struct that it was made
// for, which must outlive it and stay where it is. No thread safety beyond that of the struct.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nn::options {

// An option's effect: what it changes, and so where it matters.
enum class Effect : std::uint8_t {
  network,  // what the network is; runs are compared by their networks
  model,    // what becomes of it: the same from a checkpoint to --resume
  run,      // how far the run goes, and on what
  input,    // which rows and columns are read; runs are compared by their rows
  output,   // where results go
  report,   // what is logged and kept while a run goes on
  local,    // this process alone
};

// A value's kind, for completions and for deciding what may come from elsewhere.
enum class Kind : std::uint8_t {
  flag,      // no value
  text,      // words of its own; choices, if any, are some of those
  choice,    // one of the choices
  file,      // a path; endings, if any, are those of files that fit
  folder,    // a path
  device,    // cpu:0
  endpoint,  // tcp://HOST:PORT
  member,    // MODEL[@DEVICE][*WEIGHT]
  column,    // a column's name; choices stand beside names
  columns,   // names with commas between
};

// A field carries an option's value into its variable, and out of it again. The functions of
// options/fields.hpp make them.
struct Field {
  Kind kind = Kind::text;
  std::vector<std::string_view> choices = {};  // one that ends in ':' or '/' is a beginning
  std::string_view endings = {};               // of files: ".csv .npy"
  bool or_word = false;  // of a file: something that is none may be given instead, as a fraction
  bool repeatable = false;
  // Given again, it takes the place of what was given before: a setting, which aliases and scripts
  // have and people overrule. Otherwise two values are an error, for both are meant: two files.
  bool overrules = false;
  bool optional_value = false;  // --name alone means something, and a value follows only '='
  // Usage error for a value that is none. Gets "" for a flag, nothing where an optional value is missing.
  std::function<void(std::optional<std::string_view>)> apply = {};
  // The variable's value as apply() takes it; "" where nothing was given and for a flag that is off.
  // Absent where the value is of no interest later.
  std::function<std::string()> show = {};
};

struct Option {
  std::string_view name = {};   // "epochs"; of an argument the name that messages have for it
  char letter = 0;              // 'o' for -o
  std::string_view value = {};  // "N", "FIRST:END": capitals are what is to be put in; of flags ""
  std::string_view help = {};   // one line for -h and completions; {default} is what the variable holds
  std::string_view text = {};   // sentences for --help and the manual, see cli/markup.hpp; "": help will do
  std::string_view excludes = {};     // the name of an option that can't be given as well
  std::optional<Effect> effect = {};  // where it is not the group's
  bool argument = false;              // has no dashes, only a place
  bool required = false;              // of an argument
  std::string_view group = {};        // set by Group, like
  Field field = {};                   // this

  bool is_flag() const { return field.kind == Kind::flag; }
  bool is_argument() const { return argument; }
  Effect effect_of() const { return effect.value_or(Effect::local); }
  // A word that begins with it means this option: "--epochs".
  std::string flag_name() const { return (argument ? "" : "--") + std::string(name); }
};

using List = std::vector<Option>;

// Options under one heading of --help, added to the end of a list.
class Group {
 public:
  Group(List& list, std::string_view name, Effect effect) : list_(list), name_(name), effect_(effect) {}
  void add(Option option, Field field);

 private:
  List& list_;
  std::string_view name_;
  Effect effect_;
};

void append(List& list, List more);

// An argument, which is known by its place: what messages call it, what stands for it in the help,
// and a line of help.
Option argument(std::string_view name, std::string_view value, std::string_view help, Field field,
                bool required = false);

// Null where there is none.
const Option* find(const List& list, std::string_view name);
const Option* find(const List& list, char letter);

// "unknown option '--epohcs'; did you mean --epochs?" `word` is as it was given, maybe with a value.
std::string unknown_option(const List& list, std::string_view word);

// Is a value a matter of the machine on which it is given: a path, a device, an endpoint?
bool is_local(const Field& field);
// Does a model remember it in the command line that made it?
bool is_lasting(const Option& option);
// May a client give it to a worker?
bool may_travel(const Option& option);

// Applies values in their order and watches over what can't be given together: an option that takes
// one value and has two, or one with another that it excludes. Usage errors name the option.
class Application {
 public:
  void apply(const Option& option, std::optional<std::string_view> value);

 private:
  struct Given {
    const Option* option;
    std::string value;
  };
  std::vector<Given> given_;
};

// Applies "--name=value" and "--flag", as they come from another process or a test. Usage errors as
// above, and for words that are none of the options.
void apply_arguments(const List& list, const std::vector<std::string>& arguments);
}  // namespace nn::options
