// Times oneDNN's convolutions and their gradients for one shape. Compiled once for each version of oneDNN and run by compare.py.
//
//   convolutions PRECISION LAYOUT SECONDS < SHAPES
//
// PRECISION is float32 or bfloat16. LAYOUT is `any`, where oneDNN chooses every layout, `blocked`, where activations are
// nChw16c and the weights alone are free, or `nhwc`. A line of SHAPES is `images in out side size stride padding`. The answer
// to a line is three lines of JSON, for y, dx and dw (of pictures, dx is not computed), so that a caller can let programs take
// turns case by case.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <time.h>
#include <unordered_map>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

using dnnl::memory;
using dnnl::prop_kind;

namespace {

// A convolution of square pictures with a square kernel.
struct Shape {
  memory::dim images, in, out, side, size, stride, padding;

  memory::dim outputSide() const { return (side + 2 * padding - size) / stride + 1; }
  memory::dims x() const { return {images, in, side, side}; }
  memory::dims w() const { return {out, in, size, size}; }
  memory::dims y() const { return {images, out, outputSide(), outputSide()}; }
  memory::dims strides() const { return {stride, stride}; }
  memory::dims paddings() const { return {padding, padding}; }
  double operations() const {
    return 2.0 * images * in * out * size * size * outputSide() * outputSide();
  }
};

// The descriptions of x, w and y that a kernel is asked for with.
struct Layouts {
  memory::desc x, w, y;
};

// The gradient of the weights is float32, as the product wants it, whatever the activations are.
Layouts layouts(const Shape &s, memory::data_type type, memory::format_tag tag, bool gradientOfWeights) {
  auto activation = [&](const memory::dims &dims, bool divides) {
    auto free = tag == memory::format_tag::nChw16c && !divides;
    return memory::desc(dims, type, free ? memory::format_tag::any : tag);
  };
  auto weights = gradientOfWeights ? memory::data_type::f32 : type;
  return {activation(s.x(), s.in % 16 == 0), memory::desc(s.w(), weights, memory::format_tag::any),
          activation(s.y(), s.out % 16 == 0)};
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr result;
  result.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return result;
}

// The two versions differ in how a kernel is asked for: version 2 has a description of the operation between.
dnnl::convolution_forward::primitive_desc forward(const dnnl::engine &engine, const Shape &s, const Layouts &l) {
  auto algorithm = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, prop_kind::forward_training, algorithm, l.x, l.w, l.y, s.strides(), s.paddings(), s.paddings(),
          attributes()};
#else
  dnnl::convolution_forward::desc operation(prop_kind::forward_training, algorithm, l.x, l.w, l.y, s.strides(),
                                            s.paddings(), s.paddings());
  return {operation, attributes(), engine};
#endif
}

// The gradient of the input (`dnnl::convolution_backward_data`) or of the weights (`dnnl::convolution_backward_weights`).
template <class Gradient>
typename Gradient::primitive_desc gradient(
    const dnnl::engine &engine, const Shape &s, const Layouts &l,
    const dnnl::convolution_forward::primitive_desc &hint) {
  auto algorithm = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, algorithm, l.x, l.w, l.y, s.strides(), s.paddings(), s.paddings(), hint, attributes()};
#else
  typename Gradient::desc operation(algorithm, l.x, l.w, l.y, s.strides(), s.paddings(), s.paddings());
  return {operation, attributes(), engine, hint};
#endif
}

memory::data_type elementType(const memory::desc &description) {
#if DNNL_VERSION_MAJOR >= 3
  return description.get_data_type();
#else
  return description.data_type();
#endif
}

// Memory that this program owns, filled with small numbers: subnormal ones, or NaN, would change the time.
class Buffer {
 public:
  Buffer(const memory::desc &description, const dnnl::engine &engine)
      : bytes_(std::max<size_t>(description.get_size(), 64)),
        data_(static_cast<unsigned char *>(std::aligned_alloc(4096, (bytes_ + 4095) / 4096 * 4096)), std::free),
        value(description, engine, data_.get()) {
    std::memset(data_.get(), 0, bytes_);
    auto type = elementType(description);
    bool narrow = type == memory::data_type::bf16;
    if (!narrow && type != memory::data_type::f32) return;
    uint32_t state = 1;
    for (size_t i = 0; i < bytes_ / (narrow ? 2 : 4); i++) {
      state = state * 1664525u + 1013904223u;
      float number = (static_cast<int>(state >> 24) - 128) / 256.0f;
      uint32_t bits;
      std::memcpy(&bits, &number, 4);
      if (narrow) {
        auto high = static_cast<uint16_t>(bits >> 16);
        std::memcpy(data_.get() + 2 * i, &high, 2);
      } else {
        std::memcpy(data_.get() + 4 * i, &bits, 4);
      }
    }
  }

 private:
  size_t bytes_;
  std::unique_ptr<unsigned char, decltype(&std::free)> data_;

 public:
  memory value;
};

using Arguments = std::unordered_map<int, memory>;

// The seconds that processors have spent on this program. On a shared machine they leave out what others took meanwhile.
double processorSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Runs the kernel for the given time, twice at least. Prints the best and the median. Plain loops, which would take minutes,
// are named and not run.
template <typename Primitive, typename Description>
void measure(const char *result, const Description &description, Arguments arguments, const Shape &s,
             const dnnl::engine &engine, dnnl::stream &stream, double seconds) {
  std::string kernel = description.impl_info_str();
  if (kernel.compare(0, 3, "ref") == 0) {
    std::cout << "{\"result\": \"" << result << "\", \"kernel\": \"" << kernel << "\", \"error\": \"plain loops\"}"
              << std::endl;
    return;
  }
  Buffer scratch(description.scratchpad_desc(), engine);
  arguments.insert({DNNL_ARG_SCRATCHPAD, scratch.value});
  Primitive primitive(description);
  std::vector<double> times;
  double total = 0;
  for (int run = 0; run < 2 || (total < seconds && run < 1000); run++) {
    double begin = processorSeconds();
    primitive.execute(stream, arguments);
    stream.wait();
    double time = processorSeconds() - begin;
    times.push_back(time);
    total += time;
  }
  std::sort(times.begin(), times.end());
  double best = times.front(), median = times[times.size() / 2];
  std::cout << "{\"result\": \"" << result << "\", \"kernel\": \"" << kernel
            << "\", \"best_ms\": " << best * 1e3 << ", \"median_ms\": " << median * 1e3
            << ", \"runs\": " << times.size() << ", \"gflops\": " << s.operations() / best / 1e9 << "}" << std::endl;
}

// What could not be measured is a line too.
void fail(const char *result, const dnnl::error &error) {
  std::cout << "{\"result\": \"" << result << "\", \"error\": \"" << error.what() << "\"}" << std::endl;
}

void measureAll(const Shape &s, memory::data_type type, memory::format_tag tag, const dnnl::engine &engine,
                dnnl::stream &stream, double seconds) {
  auto l = layouts(s, type, tag, false);
  dnnl::convolution_forward::primitive_desc hint;
  try {
    hint = forward(engine, s, l);
    Buffer x(hint.src_desc(), engine), w(hint.weights_desc(), engine), y(hint.dst_desc(), engine);
    measure<dnnl::convolution_forward>(
        "y", hint, {{DNNL_ARG_SRC, x.value}, {DNNL_ARG_WEIGHTS, w.value}, {DNNL_ARG_DST, y.value}}, s, engine, stream,
        seconds);
  } catch (const dnnl::error &error) {
    for (auto result : {"y", "dx", "dw"}) fail(result, error);
    return;
  }
  try {
    if (s.in < 16) throw dnnl::error(dnnl_unimplemented, "pictures have no gradient");
    auto description = gradient<dnnl::convolution_backward_data>(engine, s, l, hint);
    Buffer dx(description.diff_src_desc(), engine), w(description.weights_desc(), engine),
        dy(description.diff_dst_desc(), engine);
    measure<dnnl::convolution_backward_data>(
        "dx", description, {{DNNL_ARG_DIFF_SRC, dx.value}, {DNNL_ARG_WEIGHTS, w.value}, {DNNL_ARG_DIFF_DST, dy.value}},
        s, engine, stream, seconds);
  } catch (const dnnl::error &error) {
    fail("dx", error);
  }
  try {
    auto description = gradient<dnnl::convolution_backward_weights>(engine, s, layouts(s, type, tag, true), hint);
    Buffer x(description.src_desc(), engine), dw(description.diff_weights_desc(), engine),
        dy(description.diff_dst_desc(), engine);
    measure<dnnl::convolution_backward_weights>(
        "dw", description, {{DNNL_ARG_SRC, x.value}, {DNNL_ARG_DIFF_WEIGHTS, dw.value}, {DNNL_ARG_DIFF_DST, dy.value}},
        s, engine, stream, seconds);
  } catch (const dnnl::error &error) {
    fail("dw", error);
  }
}

}  // namespace

int main(int count, char **arguments) {
  if (count != 4) {
    std::cerr << "usage: convolutions float32|bfloat16 any|blocked|nhwc SECONDS < SHAPES\n";
    return 2;
  }
  auto type = std::string(arguments[1]) == "bfloat16" ? memory::data_type::bf16 : memory::data_type::f32;
  std::string layout = arguments[2];
  auto tag = layout == "blocked" ? memory::format_tag::nChw16c
             : layout == "nhwc"  ? memory::format_tag::nhwc
                                 : memory::format_tag::any;
  double seconds = std::atof(arguments[3]);
  try {
    dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    auto version = dnnl_version();
    std::cout << "{\"version\": \"" << version->major << "." << version->minor << "." << version->patch << "\"}" << std::endl;
    std::string line;
    while (std::getline(std::cin, line)) {
      std::istringstream words(line);
      Shape s{};
      if (!(words >> s.images >> s.in >> s.out >> s.side >> s.size >> s.stride >> s.padding)) continue;
      measureAll(s, type, tag, engine, stream, seconds);
    }
  } catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
