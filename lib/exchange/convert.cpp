#include "exchange/convert.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "exchange/json.hpp"
#include "format/numpy/npy.hpp"
#include "model/description.hpp"

namespace nn::exchange {
namespace {

constexpr const char* description_member = "model.json";

// Indented, but an array of plain values stays on one line: a table of 784 offsets is read
// by programs, the rest by people too.
void write_json(const Json& json, std::string& out, std::size_t indent) {
  const bool lines = !json.empty() && (json.is_object() || (json.is_array() && json.front().is_structured()));
  if (!lines) {
    out += json_dump(json);
    return;
  }
  out += json.is_object() ? '{' : '[';
  const char* separator = "\n";
  for (const auto& [key, value] : json.items()) {
    out += separator;
    out.append(indent + 2, ' ');
    if (json.is_object()) out += json_dump(Json(key)) + ": ";
    write_json(value, out, indent + 2);
    separator = ",\n";
  }
  out += '\n';
  out.append(indent, ' ');
  out += json.is_object() ? '}' : ']';
}

std::string to_text(const Json& json) {
  std::string out;
  write_json(json, out, 0);
  return out + "\n";
}

// numpy.savez(**dict(numpy.load(…))) turns a member that is no array into an array of
// bytes: its header is "\x93NUMPY", a version, and a length in 2 (version 1) or 4 bytes.
std::string without_npy_header(std::string text) {
  constexpr std::string_view magic = "\x93NUMPY";
  if (!text.starts_with(magic) || text.size() < 12) return text;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[i]));
  };
  std::size_t start = 0;
  if (byte(6) == 1) {
    start = 10 + (byte(8) | byte(9) << 8);
  } else {
    start = 12 + (byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24);
  }
  text.erase(0, std::min(start, text.size()));
  text.erase(std::find(text.begin(), text.end(), '\0'), text.end());
  return text;
}

std::string read_description(const format::NpzArchive& archive, const std::string& path) {
  const auto& names = archive.names();
  if (std::find(names.begin(), names.end(), description_member) == names.end()) {
    throw data_error("has no member {}, so it is not a model that nn-model convert wrote", description_member)
        .within_file(path);
  }
  try {
    return archive.read_text(description_member);
  } catch (const Error& error) {
    try {
      return without_npy_header(archive.read_text(std::string(description_member) + ".npy"));
    } catch (const Error&) {
      throw error;
    }
  }
}

void check_parameter(const format::NpyArray& array, const Parameter& parameter) {
  if (!is_number(array.type)) fail_data("holds {}, not numbers", name_of(array.type));
  if (array.shape != parameter.shape) {
    fail_data("has shape {}, but the network needs {}", to_string(array.shape), to_string(parameter.shape));
  }
}

void copy_parameter(const format::NpyArray& array, std::int64_t size, float* out) {
  for (std::int64_t i = 0; i < size; ++i) {
    const double value = number_at(array.type, array.data.data(), i);
    out[i] = static_cast<float>(value);
    if (!std::isfinite(out[i])) fail_data("element {} is {}, not a weight", i, value);
  }
}

std::shared_ptr<const float> read_parameters(const format::NpzArchive& archive, const std::string& path,
                                             const Plan& plan) {
  std::set<std::string_view> unused(archive.names().begin(), archive.names().end());
  unused.erase(description_member);
  const auto within_array = [&](const Parameter& parameter, auto&& body) {
    try {
      return body();
    } catch (const Error& error) {
      throw error.within(fmt::format("array '{}'", parameter.name)).within_file(path);
    }
  };
  // All arrays first: memory for the block is only taken once they are there.
  std::vector<format::NpyArray> arrays;
  for (const Parameter& parameter : plan.parameters) {
    if (unused.erase(parameter.name) == 0) {
      throw data_error("has no array '{}', which the network needs", parameter.name).within_file(path);
    }
    arrays.push_back(archive.read(parameter.name, [&](const format::NpyArray& array) {
      within_array(parameter, [&] { check_parameter(array, parameter); });
    }));
  }
  auto block = std::make_shared<Buffer>(static_cast<std::size_t>(plan.parameter_count) * sizeof(float));
  auto* values = block->as<float>();
  std::fill_n(values, plan.parameter_count, 0.0f);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const Parameter& parameter = plan.parameters[i];
    within_array(parameter, [&] { copy_parameter(arrays[i], parameter.size(), values + parameter.offset); });
  }
  for (const std::string_view name : unused) {
    warn("{}: array '{}' is no weight of the network and is left out", path, printable(name));
  }
  return {block, values};
}

}  // namespace

std::string model_json(const model::Model& model) { return to_text(model_to_json(model)); }

std::string file_json(const model::AnyModel& file) {
  Json json = model_to_json(file.model);
  json["kind"] = file.state ? "checkpoint" : "model";
  json["digest"] = file.model.digest;
  json["bytes"] = file.file_bytes;
  if (file.state) {
    json["training"] = Json{{"step", file.state->step},
                            {"epoch", file.state->epoch},
                            {"batch", file.state->batch},
                            {"elapsed_s", file.state->elapsed_s}};
  }
  return to_text(json);
}

void save_npz(const std::string& path, const model::Model& model) {
  model::check_model(model);
  const Plan plan = lower(model.network, model.loss);
  OutputFile file(path);
  format::NpzWriter writer(file);
  for (const Parameter& parameter : plan.parameters) {
    const std::span<const float> values(model.parameters.get() + parameter.offset,
                                        static_cast<std::size_t>(parameter.size()));
    writer.add(parameter.name, DType::f32, parameter.shape, std::as_bytes(values));
  }
  writer.add_text(description_member, model_json(model));
  writer.finish();
  file.commit();
}

model::Model load_npz(const std::string& path) {
  const format::NpzArchive archive(path);
  const std::string text = read_description(archive, path);
  model::Model model;
  try {
    JsonModel description = model_from_json(text);
    model = std::move(description.model);
    // The archive's arrays say how many weights there are; this only keeps sizes in range.
    constexpr std::uint64_t most = std::uint64_t{1} << 40;
    model.network = model::checked_network(description.network, std::move(description.input), model, most);
    model::check_model(model);
  } catch (const Error& error) {
    throw error.within(description_member).within_file(path);
  }
  model.parameters = read_parameters(archive, path, lower(model.network, model.loss));
  return model;
}

void convert_file(const std::string& input, const std::string& output) {
  const bool to_model = output.ends_with(".nn");
  const bool to_archive = output.ends_with(".npz");
  if (!to_model && !to_archive && !output.ends_with(".json")) {
    fail_usage("{}: the name of the output must end in .nn, .npz or .json", printable(output, 4096));
  }
  model::Model model = input.ends_with(".npz") ? load_npz(input) : model::load_model(input);
  if (to_model) {
    model::save_model(output, model);
  } else if (to_archive) {
    save_npz(output, model);
  } else {
    write_file(output, model_json(model));
  }
}

}  // namespace nn::exchange
