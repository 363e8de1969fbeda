// A request of HTTP/1.1: its head, and its body, whatever way it comes, in pieces of some size.
#include "fuzz.hpp"
#include "http/request_body.hpp"
#include "http/request_parser.hpp"

using namespace nn;

namespace {

constexpr std::size_t most_head = 8192;
constexpr std::uint64_t most_body = 1 << 20;

void check(const http::Fault& fault) {
  if (fault && (fault.status < 400 || fault.status > 599))
    fuzz::broken_promise("no status of an error", fault.message);
}

// Promises of a head that was accepted.
void check(const http::HeadText& text) {
  const http::Head& head = text.head;
  if (text.chunked && head.content_length) fuzz::broken_promise("two lengths", head.path);
  if (text.http10 && (text.chunked || text.demands.expects_continue))
    fuzz::broken_promise("more than HTTP/1.0", head.path);
  if (!text.http10 && !head.fields.find("host")) fuzz::broken_promise("no host", head.path);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const auto [name, value] = head.fields[i];
    for (const char c : name) {
      if (c <= ' ' || c == ':' || (c >= 'A' && c <= 'Z')) fuzz::broken_promise("a name", name);
    }
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
      fuzz::broken_promise("a value", value);
  }
}

// True where all of the body has come.
bool take_body(http::RequestParser& parser, const http::HeadText& text, std::string_view bytes,
               std::size_t piece, http::RequestBody& body, http::Fault& fault) {
  if (!text.chunked) {
    bytes = bytes.substr(0, static_cast<std::size_t>(*text.head.content_length));
    const bool whole = bytes.size() == *text.head.content_length;
    for (; !bytes.empty() && !fault; bytes = bytes.substr(std::min(piece, bytes.size())))
      fault = body.append(bytes.substr(0, piece));
    return whole && !fault;
  }
  for (std::size_t end = std::min(piece, bytes.size()); !fault && !parser.complete();) {
    bytes = bytes.substr(parser.take_chunks(bytes.substr(0, end), body, fault));
    if (end >= bytes.size() && !parser.complete()) break;
    end = std::min(end + piece, bytes.size());
  }
  return !fault && parser.complete();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  const std::size_t piece = 1 + choices.of(256);
  const std::string_view bytes = fuzz::as_text(choices.rest());
  const fuzz::Budget budget(size, 4 << 20);
  http::RequestMemory memory(most_body);
  {
    http::HeadEnd head_end;
    http::Fault fault;
    std::optional<std::size_t> head;
    for (std::size_t end = 0; !head && !fault && end < std::min(bytes.size(), most_head);) {
      end = std::min(end + piece, bytes.size());
      head = head_end.find(bytes.substr(0, end), fault);
    }
    check(fault);
    if (!head || fault) return 0;
    http::RequestParser parser;
    http::HeadText text;
    fault = parser.parse_head(bytes.substr(0, *head), text, {});
    check(fault);
    if (fault) return 0;
    check(text);
    if (!text.body_follows() || text.demands.coding == http::Coding::unknown ||
        text.head.content_length.value_or(0) > most_body)
      return 0;
    http::RequestBody body;
    body.start(text.demands.coding, most_body, text.head.content_length, memory);
    if (take_body(parser, text, bytes.substr(*head), piece, body, fault)) fault = body.finish();
    check(fault);
    if (body.view().size() > most_body + 1024)
      fuzz::broken_promise("a body beyond the limit", text.head.path);
  }
  if (memory.used() != 0) fuzz::broken_promise("memory that stays counted", "");
  return 0;
}
