// Catch2 as the tests use it: by the names of version 2, which Debian 12 has, also where it is version 3.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
  #include <catch2/catch_approx.hpp>
  #include <catch2/catch_test_macros.hpp>
  #include <catch2/generators/catch_generators.hpp>
  #include <catch2/matchers/catch_matchers.hpp>
  #include <catch2/matchers/catch_matchers_string.hpp>
  #include <string>

namespace Catch {
namespace Matchers {
inline StringContainsMatcher Contains(const std::string& text) { return ContainsSubstring(text); }
}  // namespace Matchers
using Matchers::Contains;
using Matchers::EndsWith;
using Matchers::StartsWith;
}  // namespace Catch
using Catch::Approx;
#else
  #include <catch2/catch.hpp>
#endif
