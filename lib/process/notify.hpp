// Notifications of a service to the manager that started it.
#pragma once

#include <string_view>

namespace nn::process {

// Tells systemd, or who else set NOTIFY_SOCKET (sd_notify(3)), "READY=1" or "STOPPING=1", in one
// datagram. Does nothing where nobody asked, and does not say whether it arrived.
void notify_manager(std::string_view state);

}  // namespace nn::process
