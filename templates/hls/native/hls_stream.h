// hls::stream without a limit, as in Vitis' C simulation: kernels run one after the other, and no write waits.
//
// Reading what is not there, and leaving something behind, are faults of a kernel and end the program.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace hls {

template <class T>
class stream {
 public:
  explicit stream(const char* name = "") : name_(name) {
    if (spare().empty()) return;
    held_.swap(spare().back());
    spare().pop_back();
  }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() {
    if (!empty()) fail("is not empty at its end");
    spare().push_back(std::move(held_));
  }

  bool empty() const { return next_ == held_.size(); }
  void write(const T& beat) { held_.push_back(beat); }
  T read() {
    if (empty()) fail("is read while it is empty");
    const T beat = held_[next_++];
    if (empty()) {
      held_.clear();
      next_ = 0;
    }
    return beat;
  }

 private:
  void fail(const char* what) const {
    std::fprintf(stderr, "HWQ_ERROR stream %s %s\n", name_, what);
    std::abort();
  }

  // Memory of streams that have ended, for those of the next frame.
  static std::vector<std::vector<T>>& spare() {
    static thread_local std::vector<std::vector<T>> memory;
    return memory;
  }

  const char* name_;
  std::vector<T> held_;
  std::size_t next_ = 0;
};

}  // namespace hls
