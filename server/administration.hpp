// What the command line may ask of a data directory, as one JSON object in and one out: the same code behind
// the control socket of a running server and in a process of its own.
//
//   {"command":"user.create","name":…,"email":…,"password":…,"role":…,"age"?}   -> {"ok":true,"data":{user}}
//   {"command":"user.list","after"?} (a page by id, 1,000 or the last) ·
//   {"command":"user.set_role","email","role"} ·
//   {"command":"user.set_password","email", "password"} · {"command":"user.set_status","email","status"} ·
//   {"command":"user.delete","email"} · {"command":"user.reset_link","email"} ·
//   {"command":"user.sessions","email","end"?:true} · {"command":"keys.rotate"} ·
//   {"command":"backup","file"} · {"command":"status"} a refusal:
//   {"ok":false,"code":"email_taken","detail":"…"}
#pragma once

#include "core/json.hpp"
#include "core/task.hpp"
#include "server/services.hpp"

#include <atomic>
#include <string_view>

#include <boost/asio/thread_pool.hpp>

namespace corohub::server {

// Used by one thread at a time: that of the context its coroutines run on.
class Administration {
 public:
  Administration(Services& services, const Settings& settings);

  // Does not throw for anything a caller can send.
  Task<json::object> run(json::object request);

  // Breaks off a backup under way; nothing of it is left behind. Later ones are refused. Any thread.
  void interrupt() noexcept { interrupted_ = true; }
  // Waits for a backup under way.
  void stop();

 private:
  Task<Result<json::value>> dispatch(json::object& request);
  Task<Result<json::value>> create_user(json::object& request);
  Task<Result<json::value>> list_users(const json::object& request);
  Task<Result<json::value>> set_role(json::object& request);
  Task<Result<json::value>> set_password(json::object& request);
  Task<Result<json::value>> set_status(json::object& request);
  Task<Result<json::value>> remove_user(json::object& request);
  Task<Result<json::value>> make_reset_link(json::object& request);
  Task<Result<json::value>> list_logins(json::object& request);
  Task<> record_deed(std::string action, json::object detail, std::string entity);
  Task<Result<json::value>> rotate_keys();
  Task<Result<json::value>> backup(json::object& request);

  Services& services_;
  const std::chrono::seconds key_retirement_;
  const std::chrono::seconds reset_ttl_;
  asio::thread_pool blocking_{1};  // backups, which wait for the disk
  bool backing_up_ = false;
  std::atomic<bool> interrupted_{false};
};

}  // namespace corohub::server
