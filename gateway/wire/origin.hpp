// May a page of this origin open a socket here? Guards against cross-site WebSocket hijacking. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

struct OriginRules {
  std::vector<std::string> allowed;  // exact origins; "*" all but "null", which must be named
  bool loopback_only = true;         // every listener is on loopback: any page of this machine is no stranger
};

// `origin` and `host` are the values of the Origin and Host headers; no origin is not asked here. `local`:
// the caller is on this machine.
bool origin_allowed(std::string_view origin, std::string_view host, const OriginRules& rules,
                    bool local = true) noexcept;

}  // namespace corohub::gateway
