// Aggregation of the members' outputs: the same functions serve in-graph and
// between-graph ensembles, so that both give the same numbers.
//
// All arrays are row-major. Results of a row depend on that row only, and members are
// taken in the order given. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nn {

enum class Rule : std::uint8_t { mean, vote, weighted, geometric, median, rank, max, trimmed };
std::string_view name_of(Rule rule);
Rule parse_rule(std::string_view name);
bool fits_classes(Rule rule);  // mean vote weighted geometric median rank max
bool fits_numbers(Rule rule);  // mean weighted median trimmed

// members[m] is [rows, classes] of probabilities; weights one a member (used by weighted).
// out [rows, classes], overwritten, each row sums to 1 (vote: shares of the votes; rank:
// Borda points over their sum; median, max and geometric: normalised).
void combine_classes(Rule rule, std::span<const float* const> members, std::span<const double> weights,
                     std::int64_t rows, std::int64_t classes, float* out);

// members[m] is [rows, width] of values; out [rows, width], overwritten.
// trimmed: the mean without the lowest and highest quarter (rounded down, at least one
// each when there are three or more members).
void combine_numbers(Rule rule, std::span<const float* const> members, std::span<const double> weights,
                     std::int64_t rows, std::int64_t width, float* out);

enum class Uncertainty : std::uint8_t { entropy, variance, mutual_information };
std::string_view name_of(Uncertainty kind);
Uncertainty parse_uncertainty(std::string_view name);

// out [rows], overwritten. entropy: of the combined probabilities, in nats; variance:
// over members, averaged over classes or values; mutual_information: entropy of the mean
// less the mean of the entropies (Houlsby et al. 2011), classes only.
void uncertainty(Uncertainty kind, std::span<const float* const> members, const float* combined,
                 std::int64_t rows, std::int64_t width, bool classes, float* out);

// The class of each row: index of the largest value, the lowest index on ties.
void argmax(std::int64_t rows, std::int64_t classes, const float* values, std::int32_t* out);

}  // namespace nn
