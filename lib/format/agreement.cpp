#include "format/agreement.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::format {

void check_agreement(const Schema& first, const std::string& first_name, const Schema& now) {
  if (first.fields.size() != now.fields.size())
    fail_data("{} columns, and {} has {}", now.fields.size(), first_name, first.fields.size());
  for (std::size_t i = 0; i < first.fields.size(); ++i) {
    const Field &a = first.fields[i], &b = now.fields[i];
    if (a.name != b.name) {
      fail_data("column {} is '{}', and '{}' in {}", i, printable(b.name), printable(a.name), first_name);
    }
    if (a.type != b.type || a.shape != b.shape) {
      fail_data("column '{}' is {} {}, and {} {} in {}", printable(a.name), name_of(b.type),
                to_string(b.shape), name_of(a.type), to_string(a.shape), first_name);
    }
  }
  for (const std::string_view key : {"nn.model", "nn.classes"}) {
    const std::string *a = first.metadata.find(key), *b = now.metadata.find(key);
    if (a != nullptr && b != nullptr && *a != *b) {
      fail_data("predictions of another model than those in {} ({} is {}, not {})", first_name, key,
                printable(*b, 40), printable(*a, 40));
    }
  }
}

}  // namespace nn::format
