// Models for other programs: NumPy archives, safetensors, JSON, text for people.
#pragma once

#include <string>

#include "model/model.hpp"
#include "onnx/export.hpp"
#include "onnx/import_options.hpp"

namespace nn::exchange {

// Everything about the model but its weights, as a JSON object (one line a value, ends in a
// newline): network, loss, layers, parameters, preprocessing {columns, target}, provenance.
// Text that is not UTF-8 becomes {"hex": "…"}; numbers that JSON lacks become strings.
std::string model_json(const model::Model& model);

// The same and what the file is: kind, digest, size, and a checkpoint's position.
std::string file_json(const model::AnyModel& file);

// A table for people, of several lines.
std::string file_text(const model::AnyModel& file);

// A model or checkpoint ("-" is stdin), or a file of another format, without weights. Errors name the file.
model::AnyModel inspect_file(const std::string& path);

// What the file is: text for people, or a JSON object. Of another format it says what is in there, and what
// of that is no model.
std::string show_file(const std::string& path, bool as_json);

// A NumPy archive: each weight under its name ("dense_0/kernel"), f32, and the member
// model.json. Atomic; equal models give equal bytes.
void save_npz(const std::string& path, const model::Model& model);

// The model of an archive that save_npz() wrote, with the weights that are in there now:
// any number type, the same shapes, finite. model.json may also be an array of bytes, which
// is what numpy.savez makes of it. Errors name the file and the member.
model::Model load_npz(const std::string& path);

// The same as a file of safetensors, whose metadata have the description as "nn.description".
void save_safetensors(const std::string& path, const model::Model& model);
model::Model load_safetensors(const std::string& path);

struct ConvertOptions {
  onnx::ExportOptions onnx;    // of an .onnx file that is written; its description is made here
  onnx::ImportOptions import;  // of one that is read; without read_description
};

// Converts a model file, what save_npz() or save_safetensors() wrote, or a graph of ONNX to what the output's
// name says (file_formats.hpp). Usage errors for another name, and for options of .onnx files where there is
// none.
void convert_file(const std::string& input, const std::string& output, const ConvertOptions& options = {});

}  // namespace nn::exchange
