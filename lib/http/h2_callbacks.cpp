#include "http/h2_callbacks.hpp"

#include <memory>
#include <new>

#include "http/h2_memory.hpp"
#include "http/h2_session.hpp"

namespace nn::http {
namespace {

constexpr std::size_t hostile_list_bytes = 64 << 10;  // and more than that is a reset

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

H2Session& session_of(void* user) { return *static_cast<H2Session*>(user); }

}  // namespace

// No exception may get through libnghttp2, which is C: it is told to end the session.
struct H2Callbacks {
  template <typename Call>
  static int guarded(Call&& call) noexcept {
    try {
      return call();
    } catch (...) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
  }

  static H2Stream* stream_of(nghttp2_session* session, std::int32_t id) {
    return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static bool is_request(const nghttp2_frame* frame) {
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    return guarded([&] {
      if (!is_request(frame)) return 0;
      H2Stream* const stream = session_of(user).begin_stream(frame->hd.stream_id);
      if (stream == nullptr) return static_cast<int>(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
      nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
      return 0;
    });
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void*) {
    return guarded([&] {
      H2Stream* const stream = stream_of(session, frame->hd.stream_id);
      if (stream == nullptr) return 0;
      stream->head_bytes_ += name_size + value_size + 32;  // as RFC 9113 6.5.2 counts
      if (stream->head_bytes_ > hostile_list_bytes)
        return static_cast<int>(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
      if (stream->head_bytes_ > head_list_bytes || !is_request(frame)) return 0;
      stream->bytes_in_ += name_size + value_size;
      const std::string_view field = text_of(name, name_size);
      if (field.front() == ':') {
        stream->add_pseudo(field, text_of(value, value_size));
      } else {
        stream->add_field(field, text_of(value, value_size));
      }
      return 0;
    });
  }

  static int on_frame_recv(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    return guarded([&] {
      H2Session& own = session_of(user);
      switch (frame->hd.type) {
        case NGHTTP2_SETTINGS: own.greeted_ = true; break;
        case NGHTTP2_PING:
          if (frame->hd.flags & NGHTTP2_FLAG_ACK) own.ping_acknowledged(frame->ping);
          break;
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA:
          if (H2Stream* const stream = stream_of(session, frame->hd.stream_id)) {
            const bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
            if (is_request(frame)) {
              own.head_done(*stream, stream->head_bytes_ > head_list_bytes);
            }
            if (end) own.all_in(*stream);
          }
          break;
        default: break;
      }
      return 0;
    });
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* user) {
    return guarded([&] {
      // What all streams together may send is never held back: it is each stream's own window that is.
      nghttp2_session_consume_connection(session, size);
      if (H2Stream* const stream = stream_of(session, id))
        session_of(user).data(*stream, text_of(bytes, size));
      return 0;
    });
  }

  static int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t, void* user) {
    return guarded([&] {
      if (H2Stream* const stream = stream_of(session, id)) session_of(user).closed(*stream);
      return 0;
    });
  }

  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return guarded([&] {
      session_of(user).frame_sent(*frame);
      return 0;
    });
  }

  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_head, std::size_t length,
                       nghttp2_data_source* source, void* user) {
    return guarded([&] {
      const bool written =
          session_of(user).write_data(*static_cast<H2Stream*>(source->ptr), frame_head, length);
      return written ? 0 : static_cast<int>(NGHTTP2_ERR_WOULDBLOCK);
    });
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* callbacks = nullptr;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    return callbacks;
  }
};

namespace {

// What all sessions share; constant.
struct Shared {
  std::unique_ptr<nghttp2_session_callbacks, void (*)(nghttp2_session_callbacks*)> callbacks{
      H2Callbacks::make(), nghttp2_session_callbacks_del};
  std::unique_ptr<nghttp2_option, void (*)(nghttp2_option*)> options{nullptr, nghttp2_option_del};

  Shared() {
    nghttp2_option* made = nullptr;
    if (nghttp2_option_new(&made) != 0) throw std::bad_alloc();
    options.reset(made);
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_closed_streams(made, 1);
    // Sessions count resets by themselves, and know how many answers there were between them.
    nghttp2_option_set_stream_reset_rate_limit(made, 100'000, 100'000);
  }
};

}  // namespace

nghttp2_session* make_h2_server(H2Session& session, H2Memory& memory) {
  static const Shared shared;
  nghttp2_session* made = nullptr;
  nghttp2_mem functions = memory.functions();
  if (nghttp2_session_server_new3(&made, shared.callbacks.get(), &session, shared.options.get(),
                                  &functions) != 0)
    throw std::bad_alloc();
  return made;
}

}  // namespace nn::http
