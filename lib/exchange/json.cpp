#include "exchange/json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "format/reading.hpp"
#include "model/digest.hpp"
#include "nn/option_values.hpp"

namespace nn::exchange {
namespace {

constexpr std::string_view format_name = "nn-model";
constexpr int format_version = 1;

// ---- writing

// JSON is UTF-8; names of columns and categories are whatever bytes the table had.
Json text_value(const std::string& text) {
  if (is_utf8(text)) return text;
  return Json{{"hex", model::hex(std::as_bytes(std::span(text)))}};
}

Json number_value(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json texts_value(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push_back(text_value(text));
  return out;
}

constexpr const char* kind_names[] = {"number", "category", "tensor"};
constexpr const char* target_kind_names[] = {"none", "classes", "numbers"};

Json column_to_json(const model::InputColumn& column) {
  Json out{{"name", text_value(column.name)}, {"kind", kind_names[static_cast<std::size_t>(column.kind)]}};
  if (!column.shape.empty()) out["shape"] = column.shape;
  if (column.first_feature) out["first_feature"] = *column.first_feature;
  if (!column.fill.empty()) out["fill"] = column.fill;
  if (!column.scale.empty()) {
    out["offset"] = column.offset;
    out["scale"] = column.scale;
  }
  if (!column.categories.empty()) out["categories"] = texts_value(column.categories);
  return out;
}

Json target_to_json(const model::Target& target) {
  Json out{{"name", text_value(target.name)},
           {"kind", target_kind_names[static_cast<std::size_t>(target.kind)]}};
  if (target.kind == model::Target::Kind::classes) {
    out["integers"] = target.integers;
    out["classes"] = texts_value(target.classes);
  } else {
    out["shape"] = target.shape;
    if (!target.elements.empty()) out["elements"] = texts_value(target.elements);
    if (!target.answers.quantiles.empty()) out["quantiles"] = target.answers.quantiles;
    if (!target.scale.empty()) {
      out["offset"] = target.offset;
      out["scale"] = target.scale;
    }
  }
  return out;
}

using Figures = std::vector<std::pair<std::string, double>>;

// An object, in their order; a list of pairs where names repeat or aren't UTF-8, and so can't be its keys.
Json figures_value(const Figures& figures) {
  std::set<std::string_view> names;
  const bool are_keys = std::all_of(figures.begin(), figures.end(), [&](const auto& figure) {
    return is_utf8(figure.first) && names.insert(figure.first).second;
  });
  Json object = Json::object(), pairs = Json::array();
  for (const auto& [name, value] : figures) {
    if (are_keys) {
      object.get_ref<Json::object_t&>().Container::emplace_back(name, number_value(value));
    } else {
      pairs.push_back(Json{{"name", text_value(name)}, {"value", number_value(value)}});
    }
  }
  return are_keys ? object : pairs;
}

Json reading_to_json(const table::Reading& reading) {
  Json out = Json::parse(format::reading_to_json(reading));
  const auto add_name = [&](const char* key, const std::optional<std::string>& name) {
    if (name) out[key] = text_value(*name);
  };
  add_name("label", reading.label);
  add_name("target", reading.target);
  add_name("id", reading.id);
  return out;
}

Json provenance_to_json(const model::Provenance& provenance) {
  Json out{{"tool_version", text_value(provenance.tool_version)},
           {"command_line", text_value(provenance.command_line)},
           {"data_digest", text_value(provenance.data_digest)},
           {"seed", provenance.seed},
           {"created_unix_s", provenance.created_unix_s},
           {"options", figures_value(provenance.options)},
           {"metrics", figures_value(provenance.metrics)}};
  if (!provenance.from_digest.empty()) out["from_digest"] = text_value(provenance.from_digest);
  return out;
}

Json option_to_json(const OptionValue& option) {
  return std::visit(
      [](const auto& value) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Size>) {
          return Json::array({value.height, value.width});
        } else if constexpr (std::is_same_v<std::decay_t<decltype(value)>,
                                            Sides>) {  // as Keras' ZeroPadding2D
          return Json::array(
              {Json::array({value.top, value.bottom}), Json::array({value.left, value.right})});
        } else {
          return value;
        }
      },
      option.value);
}

Json layer_to_json(const Layer& layer) {
  Json out{{"name", layer.name}, {"kind", name_of(layer.kind)}};
  for (const OptionValue& option : option_values(layer))
    out[std::string(option.name)] = option_to_json(option);
  return out;
}

// ---- reading: everything is checked for its type, since the library's conversions are lenient

const Json& member(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) fail_data("has no '{}'", name);
  return object[name];
}

// An absent member is an empty array.
const Json& array_member(const Json& object, const char* name) {
  static const Json none = Json::array();
  if (!object.is_object() || !object.contains(name)) return none;
  if (!object[name].is_array()) fail_data("'{}' is not an array", name);
  return object[name];
}

std::string unhex(const std::string& digits, const char* name) {
  std::string out;
  if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail_data("'{}' is not hexadecimal", name);
  }
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    out += static_cast<char>(digit(digits[i]) << 4 | digit(digits[i + 1]));
  }
  return out;
}

std::string text_of(const Json& value, const char* name) {
  if (value.is_object() && value.size() == 1 && value.contains("hex") && value["hex"].is_string()) {
    return unhex(value["hex"].get<std::string>(), name);
  }
  if (!value.is_string()) fail_data("'{}' is not a text", name);
  return value.get<std::string>();
}

std::int64_t integer_of(const Json& value, const char* name) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX});
  if (!fits) fail_data("'{}' is not an integer", name);
  return value.get<std::int64_t>();
}

double number_of(const Json& value, const char* name) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  fail_data("'{}' is not a number", name);
}

std::vector<double> numbers_of(const Json& object, const char* name) {
  std::vector<double> out;
  for (const Json& value : array_member(object, name)) out.push_back(number_of(value, name));
  return out;
}

Shape shape_of(const Json& object, const char* name) {
  Shape out;
  for (const Json& value : array_member(object, name)) out.push_back(integer_of(value, name));
  return out;
}

std::vector<std::string> texts_of(const Json& object, const char* name) {
  std::vector<std::string> out;
  for (const Json& value : array_member(object, name)) out.push_back(text_of(value, name));
  return out;
}

std::string text_member(const Json& object, const char* name) { return text_of(member(object, name), name); }

template <std::size_t N>
std::size_t choice_of(const Json& object, const char* name, const char* const (&names)[N]) {
  const std::string text = text_member(object, name);
  for (std::size_t i = 0; i < N; ++i) {
    if (text == names[i]) return i;
  }
  fail_data("'{}' cannot be '{}'", name, printable(text));
}

bool bool_of(const Json& value, const char* name) {
  if (!value.is_boolean()) fail_data("'{}' is neither true nor false", name);
  return value.get<bool>();
}

model::InputColumn column_from_json(const Json& json) {
  model::InputColumn column;
  column.name = text_member(json, "name");
  column.kind = static_cast<model::InputColumn::Kind>(choice_of(json, "kind", kind_names));
  column.shape = shape_of(json, "shape");
  if (const auto first = json.find("first_feature"); first != json.end()) {
    if (*first != 0 && *first != 1) fail_data("'first_feature' is neither 0 nor 1");
    column.first_feature = *first == 1 ? 1 : 0;
  }
  column.fill = numbers_of(json, "fill");
  column.offset = numbers_of(json, "offset");
  column.scale = numbers_of(json, "scale");
  column.categories = texts_of(json, "categories");
  return column;
}

model::Target target_from_json(const Json& json) {
  model::Target target;
  target.name = text_member(json, "name");
  target.kind = static_cast<model::Target::Kind>(choice_of(json, "kind", target_kind_names));
  if (target.kind == model::Target::Kind::classes) {
    target.integers = bool_of(member(json, "integers"), "integers");
  }
  target.classes = texts_of(json, "classes");
  target.shape = shape_of(json, "shape");
  target.offset = numbers_of(json, "offset");
  target.scale = numbers_of(json, "scale");
  target.elements = texts_of(json, "elements");
  target.answers.quantiles = numbers_of(json, "quantiles");
  return target;
}

table::Reading reading_from_json(const Json& json) {
  Json nameless = json;
  for (const char* key : {"label", "target", "id"}) nameless.erase(key);  // which may be no texts here
  table::Reading reading = format::reading_from_json(json_dump(nameless));
  const auto name = [&](const char* key) {
    return json.contains(key) ? std::optional(text_member(json, key)) : std::nullopt;
  };
  reading.label = name("label");
  reading.target = name("target");
  reading.id = name("id");
  return reading;
}

// What figures_value() makes.
Figures figures_of(const Json& json, const char* name) {
  Figures figures;
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) figures.emplace_back(key, number_of(value, name));
    return figures;
  }
  if (!json.is_array()) fail_data("'{}' is neither an object nor a list", name);
  for (const Json& pair : json)
    figures.emplace_back(text_member(pair, "name"), number_of(member(pair, "value"), "value"));
  return figures;
}

model::Provenance provenance_from_json(const Json& json) {
  model::Provenance provenance;
  provenance.tool_version = text_member(json, "tool_version");
  provenance.command_line = text_member(json, "command_line");
  provenance.data_digest = text_member(json, "data_digest");
  const Json& seed = member(json, "seed");
  if (!seed.is_number_unsigned()) fail_data("'seed' is not an unsigned integer");
  provenance.seed = seed.get<std::uint64_t>();
  provenance.created_unix_s = integer_of(member(json, "created_unix_s"), "created_unix_s");
  provenance.metrics = figures_of(member(json, "metrics"), "metrics");
  if (json.contains("from_digest")) provenance.from_digest = text_member(json, "from_digest");
  if (json.contains("options")) provenance.options = figures_of(json["options"], "options");
  return provenance;
}

// Members of an object are looked for one after the other, since their order counts: an object may have no
// more than a few of them.
Json parse_narrow(std::string_view text) {
  constexpr std::size_t most_members = 256;  // ours have some 20
  std::vector<std::size_t> members;          // of the objects that are open
  const auto count = [&](int, Json::parse_event_t event, const Json&) {
    if (event == Json::parse_event_t::object_start) members.push_back(0);
    if (event == Json::parse_event_t::object_end) members.pop_back();
    if (event == Json::parse_event_t::key && ++members.back() > most_members)
      fail_data("is not the description of a model: it has an object of more than {} members", most_members);
    return true;
  };
  return Json::parse(text, count, false);
}

}  // namespace

Json model_to_json(const model::Model& model) {
  const Plan plan = lower(model.network, model.loss);
  Json layers = Json::array();
  for (const Layer& layer : model.network.layers) layers.push_back(layer_to_json(layer));
  Json parameters = Json::array();
  std::int64_t count = 0;
  for (const Parameter& parameter : plan.parameters) {
    parameters.push_back(Json{{"name", parameter.name}, {"shape", parameter.shape}});
    count += parameter.size();
  }
  Json columns = Json::array();
  for (const model::InputColumn& column : model.encoder.columns()) columns.push_back(column_to_json(column));
  Json preprocessing{{"columns", std::move(columns)}, {"target", target_to_json(model.target)}};
  if (model.reading != table::Reading{}) preprocessing["reading"] = reading_to_json(model.reading);
  return Json{{"format", format_name},
              {"format_version", format_version},
              {"network", to_string(model.network)},
              {"input", model.network.input},
              {"outputs", model.network.outputs()},
              {"loss", name_of(model.loss)},
              {"layers", std::move(layers)},
              {"parameter_count", count},
              {"parameters", std::move(parameters)},
              {"preprocessing", std::move(preprocessing)},
              {"provenance", provenance_to_json(model.provenance)}};
}

JsonModel model_from_json(std::string_view text) {
  constexpr std::size_t deepest = 16;  // ours has 6
  if (json_nests_deeper(text, deepest)) fail_data("is not the description of a model: it nests too deep");
  const Json json = parse_narrow(text);
  if (json.is_discarded()) fail_data("is not JSON");
  if (text_member(json, "format") != format_name) fail_data("is not the description of a model");
  if (integer_of(member(json, "format_version"), "format_version") > format_version) {
    fail(ErrorKind::unsupported, "made by a newer version of nn-tools");
  }
  JsonModel out;
  out.network = text_member(json, "network");
  out.input = shape_of(json, "input");
  try {
    out.model.loss = parse_loss(text_member(json, "loss"));
  } catch (const Error& error) {
    throw error.within("'loss'").as(ErrorKind::data);
  }
  const Json& preprocessing = member(json, "preprocessing");
  std::vector<model::InputColumn> columns;
  for (const Json& column : array_member(preprocessing, "columns"))
    columns.push_back(column_from_json(column));
  out.model.encoder = model::Encoder(std::move(columns));
  out.model.target = target_from_json(member(preprocessing, "target"));
  out.model.target.answers.kind = model::answers_kind_of(out.model.loss);
  if (preprocessing.contains("reading")) out.model.reading = reading_from_json(preprocessing["reading"]);
  out.model.provenance = provenance_from_json(member(json, "provenance"));
  return out;
}

}  // namespace nn::exchange
