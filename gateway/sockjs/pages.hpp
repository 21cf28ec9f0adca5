// What SockJS serves beside its sessions: the greeting, the page for iframes, and what a client asks first.
// Pure.
#pragma once

#include "core/clock.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

#include <string>
#include <string_view>

namespace corohub::gateway::sockjs {

// Nothing in between may keep the answer.
inline constexpr std::string_view not_cached = "no-store, no-cache, must-revalidate, max-age=0";

http::Response greeting();

// iframe.html, iframe-<version>.html
bool is_iframe_page(std::string_view name) noexcept;
// A page of ours that talks with us in the name of a page of another site, where a browser can't do that
// itself. `script`: where sockjs-client is. `frame_ancestors`: sources of the Content Security Policy, whose
// pages may have it inside; empty: all. 304 for whoever has it already.
http::Response iframe_page(const http::Request& request, std::string_view script,
                           std::string_view frame_ancestors, UnixMs now);

// What the server can do, and 32 random bits for clients without a good source of their own.
http::Response info();

}  // namespace corohub::gateway::sockjs
