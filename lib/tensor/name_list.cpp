#include "tensor/name_list.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_text.hpp"

namespace nn {
namespace {

using Json = nlohmann::json;

constexpr std::string_view element_names_key = "nn.element_names";

// Each event says whether the parser goes on.
class Names final : public Json::json_sax_t {
 public:
  NameList list;

  bool start_array(std::size_t) override { return !std::exchange(open_, true); }
  bool end_array() override { return true; }
  bool string(string_t& text) override { return add(std::move(text), false); }
  bool number_integer(number_integer_t value) override { return add(std::to_string(value), true); }
  bool number_unsigned(number_unsigned_t value) override { return add(std::to_string(value), true); }
  bool null() override { return false; }
  bool boolean(bool) override { return false; }
  bool number_float(number_float_t, const string_t&) override { return false; }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return false; }
  bool key(string_t&) override { return false; }
  bool end_object() override { return false; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool add(std::string name, bool integer) {
    if (!open_ || list.names.size() == most_names) return false;
    if (list.names.empty()) list.integers = integer;
    list.mixed = list.integers != integer;
    if (!list.mixed) list.names.push_back(std::move(name));
    return !list.mixed;
  }
  bool open_ = false;
};

}  // namespace

std::optional<NameList> parse_name_list(std::string_view text) {
  Names names;
  if (!Json::sax_parse(text, &names) && !names.list.mixed) return std::nullopt;
  return std::move(names.list);
}

std::string name_list_text(const std::vector<std::string>& names) { return json_dump(Json(names)); }

std::vector<std::string> element_names(const Field& field) {
  const std::string* text = field.metadata.find(element_names_key);
  if (text == nullptr) return {};
  auto list = parse_name_list(*text);
  const bool good = list && !list->mixed && !list->integers &&
                    static_cast<std::int64_t>(list->names.size()) == element_count(field.shape);
  return good ? std::move(list->names) : std::vector<std::string>();
}

void set_element_names(Field& field, const std::vector<std::string>& names) {
  field.metadata.set(std::string(element_names_key), name_list_text(names));
}

}  // namespace nn
