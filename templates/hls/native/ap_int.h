// Integers of W bits, 1 to 64, as the machine has them: what hwq's kernels use of ap_int.h, for C++ compilers alone.
//
// ap_int<W> and ap_uint<W> behave as those of Vitis: sums, differences and products are exact, of as many bits as they
// need (but at most 64), shifts keep the width, and what is stored is cut to W bits. Wider words have bits, no value.
#pragma once

#include <cstdint>
#include <type_traits>

#define HWQ_NATIVE 1

namespace hwq_native {

template <int W, bool S>
struct Stored {  // the least integer of the machine that holds W bits
  static constexpr int bits = W <= 8 ? 8 : W <= 16 ? 16 : W <= 32 ? 32 : 64;
  using Signed = std::conditional_t<
      bits == 8, std::int8_t,
      std::conditional_t<bits == 16, std::int16_t, std::conditional_t<bits == 32, std::int32_t, std::int64_t>>>;
  using Unsigned = std::make_unsigned_t<Signed>;
  using type = std::conditional_t<S, Signed, Unsigned>;
  // What arithmetic of the machine makes of it without a loss.
  using plain = std::conditional_t<(W < 32 || (W == 32 && S)), int, long long>;
};

constexpr int larger(int a, int b) { return a > b ? a : b; }
constexpr int at_most_64(int bits) { return bits < 64 ? bits : 64; }

template <int W, bool S>
class Integer {
  static_assert(W >= 1 && W <= 64, "native integers have 1 to 64 bits");
  using Store = typename Stored<W, S>::type;
  using Unsigned = typename Stored<W, S>::Unsigned;
  static constexpr int spare = Stored<W, S>::bits - W;

 public:
  static constexpr int width = W;
  using Plain = typename Stored<W, S>::plain;

  constexpr Integer() = default;
  template <class T, class = std::enable_if_t<std::is_integral_v<T>>>
  constexpr Integer(T x) : value_(cut(static_cast<Unsigned>(x))) {}
  template <int V, bool T>
  constexpr Integer(const Integer<V, T>& x) : value_(holds<V, T>() ? Store(x.plain()) : cut(Unsigned(x.plain()))) {}

  constexpr Plain plain() const { return value_; }
  constexpr operator Plain() const { return value_; }
  constexpr int to_int() const { return static_cast<int>(value_); }
  constexpr long long to_int64() const { return value_; }
  constexpr bool operator[](int place) const { return (static_cast<Unsigned>(value_) >> place) & 1; }

  template <int V, bool T>
  constexpr Integer& operator+=(const Integer<V, T>& x) {
    value_ = cut(static_cast<Unsigned>(static_cast<Unsigned>(value_) + static_cast<Unsigned>(x.plain())));
    return *this;
  }
  constexpr Integer operator>>(int places) const { return Integer(static_cast<Store>(value_ >> places)); }
  constexpr Integer operator<<(int places) const {
    return Integer(static_cast<Unsigned>(static_cast<Unsigned>(value_) << places));
  }

 private:
  template <int V, bool T>
  static constexpr bool holds() {
    return S == T ? W >= V : S && W > V;
  }
  static constexpr Store cut(Unsigned x) {
    return spare == 0 ? static_cast<Store>(x)
           : S        ? static_cast<Store>(static_cast<Store>(static_cast<Unsigned>(x << spare)) >> spare)
                      : static_cast<Store>(x & static_cast<Unsigned>(static_cast<Unsigned>(~Unsigned{0}) >> spare));
  }
  Store value_{};
};

template <int A, bool S, int B, bool T>
struct Result {
  static constexpr bool is_signed = S || T;
  static constexpr int terms = larger(A + (is_signed && !S), B + (is_signed && !T));
  using sum = Integer<at_most_64(terms + 1), is_signed>;
  using difference = Integer<at_most_64(terms + 1), true>;
  using product = Integer<at_most_64(A + B), is_signed>;
};

template <int A, bool S, int B, bool T>
constexpr auto operator+(const Integer<A, S>& a, const Integer<B, T>& b) {
  using R = typename Result<A, S, B, T>::sum;
  using C = typename R::Plain;
  return R(static_cast<C>(a.plain()) + static_cast<C>(b.plain()));
}
template <int A, bool S, int B, bool T>
constexpr auto operator-(const Integer<A, S>& a, const Integer<B, T>& b) {
  using R = typename Result<A, S, B, T>::difference;
  using C = typename R::Plain;
  return R(static_cast<C>(a.plain()) - static_cast<C>(b.plain()));
}
template <int A, bool S, int B, bool T>
constexpr auto operator*(const Integer<A, S>& a, const Integer<B, T>& b) {
  using R = typename Result<A, S, B, T>::product;
  using C = typename R::Plain;
  return R(static_cast<C>(a.plain()) * static_cast<C>(b.plain()));
}

#define HWQ_COMPARE(OP)                                                             \
  template <int A, bool S, int B, bool T>                                           \
  constexpr bool operator OP(const Integer<A, S>& a, const Integer<B, T>& b) {      \
    using C = std::conditional_t<(A < 32 && B < 32), int, long long>;               \
    return static_cast<C>(a.plain()) OP static_cast<C>(b.plain());                  \
  }
HWQ_COMPARE(==)
HWQ_COMPARE(!=)
HWQ_COMPARE(<)
HWQ_COMPARE(<=)
HWQ_COMPARE(>)
HWQ_COMPARE(>=)
#undef HWQ_COMPARE

template <int W>
class Word {  // bits without a value: what a wide port carries
 public:
  static constexpr int width = W;
  Word() = default;
  Word(int fill) {
    for (std::uint64_t& part : parts_) part = fill < 0 ? ~std::uint64_t{0} : 0;
    parts_[0] = static_cast<std::uint64_t>(static_cast<std::int64_t>(fill));
  }
  bool operator[](int place) const { return (parts_[place / 64] >> (place % 64)) & 1; }
  void set_bit(int place, bool to) {
    const std::uint64_t bit = std::uint64_t{1} << (place % 64);
    parts_[place / 64] = to ? parts_[place / 64] | bit : parts_[place / 64] & ~bit;
  }
  // The `width` bits from `place` on, 1 to 64.
  std::uint64_t field(int place, int width) const {
    const int part = place / 64, from = place % 64;
    std::uint64_t found = parts_[part] >> from;
    if (from + width > 64) found |= parts_[part + 1] << (64 - from);
    return found & mask(width);
  }
  void set_field(int place, int width, long long to) {
    const int part = place / 64, from = place % 64;
    const std::uint64_t bits = static_cast<std::uint64_t>(to) & mask(width);
    parts_[part] = (parts_[part] & ~(mask(width) << from)) | bits << from;
    if (from + width <= 64) return;
    parts_[part + 1] = (parts_[part + 1] & ~(mask(width) >> (64 - from))) | bits >> (64 - from);
  }

 private:
  static std::uint64_t mask(int width) { return ~std::uint64_t{0} >> (64 - width); }
  std::uint64_t parts_[(W + 63) / 64] = {};
};

}  // namespace hwq_native

template <int W>
using ap_int = hwq_native::Integer<W, true>;
template <int W>
using ap_uint = hwq_native::Integer<W, false>;
