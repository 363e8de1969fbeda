// JSON of requests by simdjson, whose errors become data errors that say where. For this module's sources
// only.
//
// simdjson checks the bytes as UTF-8 and strings for their ends before anything is read, and all else when it
// is read; so whoever skips a value calls check(). It takes tokens as they come, so that NaN and Infinity,
// which are no JSON, can be read where a number is.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace nn::inference {

namespace json = simdjson::ondemand;

inline constexpr int most_nested = 100;

// Where in a document a value is, for messages: "instances[3].age". Parts that aren't there are left out.
struct Place {
  std::string_view root;
  std::int64_t index = -1;
  std::string_view key = {};
  std::int64_t element = -1;
};
std::string to_string(const Place& place);

// Data error where a key has been seen at this place before; from now on it has.
void once(bool& seen, std::string_view key, const Place& place);

// A document and its parser, whose memory is kept. One thread.
class JsonBody {
 public:
  // The object that the text is. Behind its end 64 bytes may be read. Valid until the next call.
  json::object open(std::string_view text);
  // While a request is read: at its end, however that is, memory that small ones don't need is given back.
  class Open {
   public:
    explicit Open(JsonBody& json) : json_(json) {}
    ~Open();
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    JsonBody& json_;
  };
  // All fields of the object were read: nothing but space may follow it.
  void close();

  [[noreturn]] void fail(simdjson::error_code error);
  template <typename T>
  T need(simdjson::simdjson_result<T> result) {
    T value;
    if (const auto error = std::move(result).get(value)) fail(error);
    return value;
  }
  // Calls call(key, value) with each field; a value that it doesn't read must be given to check(). Keys are
  // valid as long as the document.
  template <typename Call>
  void each(json::object& object, Call&& call) {
    for (auto result : object) {
      json::field field = need<json::field>(std::move(result));
      call(key(field), field.value());
    }
  }
  // A field's key. simdjson has memory for each string once, and objects may be read twice: keys don't use
  // it.
  std::string_view key(json::field& field);
  // The value's first byte, which says what it is.
  char first(json::value& value) { return value.raw_json_token().front(); }
  // A number, as JSON has them (RFC 8259), rounded to the nearest double. False where the value is something
  // else, or too large. Not simdjson's, whose version 3.0.1 takes 0.95897056669466944153, of 20 digits, for
  // another number.
  static bool read_number(json::value& value, double& out);
  // Its first token, without space.
  std::string_view token(json::value& value);

  // An object's first key and the first byte of its value, without reading it; empty where the key has
  // escapes, or there is none.
  struct Peeked {
    std::string_view key;
    char first = 0;
  };
  Peeked peek(json::value& object);
  bool begins_list_of_lists(json::value& value);

  // Each is a data error at the place where the value is something else.
  std::string_view text(json::value& value, const Place& place);
  bool boolean(json::value& value, const Place& place);
  std::uint64_t count(json::value& value, const Place& place);
  json::array list(json::value& value, const Place& place);
  json::object object(json::value& value, const Place& place);
  // Also NaN, Infinity, Inf and with a minus, as rapidjson reads them, and, where they are allowed, null as
  // NaN and booleans as 0 and 1.
  struct NumberRule {
    bool null = false, boolean = false;
  };
  double number(json::value& value, NumberRule rule, const Place& place);
  [[noreturn]] void fail_type(json::value& value, std::string_view expected, const Place& place);

  // Reads all of a value that nobody wants.
  void check(json::value& value, int depth = 0);

 private:
  std::size_t offset();

  json::parser parser_;
  json::document document_;
  std::string_view text_;
  bool opened_ = false;
  std::deque<std::string> escaped_keys_;
};

// {"b64":"aGk="} as the bytes that it stands for; nothing where the object is something else, which then must
// not be read on.
class Base64 {
 public:
  std::optional<std::string_view> bytes(JsonBody& json, json::object& object);

 private:
  std::string memory_;
};

}  // namespace nn::inference
