public import TensorGraph
import Tensors

// Layers are functions that record nodes. Names and shapes of parameters are PyTorch's.

extension Module {
  /// A square convolution without bias; weight `[outputs, inputs, size, size]`.
  func convolution(
    _ name: String, _ x: Tensor, outputs: Int, size: Int, stride: Int = 1, padding: Int = 0
  ) -> Tensor {
    let shape: Shape = [outputs, x.shape[1], size, size]
    let weight = variable("\(name).weight", shape, .convolution(shape), .weight)
    return x.convolved(with: weight, stride: stride, padding: padding)
  }

  /// Batch normalisation of the second axis, plus `residual`, rectified if `relu`.
  ///
  /// The running variance follows the batch's unbiased variance, as in PyTorch. Without `affine`, scale and offset are
  /// not learned.
  func batchNormalization(
    _ name: String, _ x: Tensor, residual: Tensor? = nil, relu: Bool, affine: Bool = true
  ) -> Tensor {
    let shape: Shape = [x.shape[1]]
    // Without an affine map the scale stays 1 and the offset 0: variables that nothing assigns.
    let role: Parameter.Role = affine ? .biasOrNormalization : .statistic
    let scale = variable("\(name).weight", shape, .constant(1), role)
    let offset = variable("\(name).bias", shape, .constant(0), role)
    let mean = statistic("\(name).running_mean", shape, startingAt: 0)
    let variance = statistic("\(name).running_var", shape, startingAt: 1)
    guard network.mode == .training else {
      return x.normalized(
        scale: scale, offset: offset, mean: mean, variance: variance, residual: residual,
        epsilon: NetworkScope.epsilon, relu: relu)
    }
    let batch = x.batchNormalized(
      scale: scale, offset: offset, residual: residual, epsilon: NetworkScope.epsilon, relu: relu)
    let count = Float(x.shape.elementCount / x.shape[1])
    let rate = NetworkScope.statisticsRate
    setStatistic(
      "\(name).running_mean", mean.runningAverage(of: batch.mean, rate: rate, correction: 1))
    setStatistic(
      "\(name).running_var",
      variance.runningAverage(
        of: batch.variance, rate: rate, correction: count / max(1, count - 1)))
    return batch.output
  }

  /// The module of that name as a linear layer.
  func linear(_ name: String, _ x: Tensor, outputs: Int, bias: Bool) -> Tensor {
    module(name).linear(x, outputs: outputs, bias: bias)
  }

  /// `x·Wᵀ (+ b)`, `[N, inputs]` to `[N, outputs]`, as all that this module is; weight `[outputs, inputs]`.
  public func linear(_ x: Tensor, outputs: Int, bias: Bool) -> Tensor {
    let inputs = x.shape[1]
    let initializer = Initializer.linear(inputs: inputs)
    let weight = variable("weight", [outputs, inputs], initializer, .weight)
    let product = x.multiplied(by: weight, transposeSecond: true)
    guard bias else { return product }
    return product.adding(bias: variable("bias", [outputs], initializer, .biasOrNormalization))
  }
}
