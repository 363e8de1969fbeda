#include "base/status_code.hpp"

#include <array>

namespace nn {
namespace {

struct Words {
  std::string_view name, digits;
};
constexpr std::array<Words, 17> words{{{"OK", "0"},
                                       {"CANCELLED", "1"},
                                       {"UNKNOWN", "2"},
                                       {"INVALID_ARGUMENT", "3"},
                                       {"DEADLINE_EXCEEDED", "4"},
                                       {"NOT_FOUND", "5"},
                                       {"ALREADY_EXISTS", "6"},
                                       {"PERMISSION_DENIED", "7"},
                                       {"RESOURCE_EXHAUSTED", "8"},
                                       {"FAILED_PRECONDITION", "9"},
                                       {"ABORTED", "10"},
                                       {"OUT_OF_RANGE", "11"},
                                       {"UNIMPLEMENTED", "12"},
                                       {"INTERNAL", "13"},
                                       {"UNAVAILABLE", "14"},
                                       {"DATA_LOSS", "15"},
                                       {"UNAUTHENTICATED", "16"}}};

}  // namespace

std::string_view name_of(StatusCode code) { return words[static_cast<std::size_t>(code)].name; }
std::string_view digits_of(StatusCode code) { return words[static_cast<std::size_t>(code)].digits; }

}  // namespace nn
