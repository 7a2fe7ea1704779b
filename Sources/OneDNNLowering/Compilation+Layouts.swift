import CKernels
import COneDNN
import TensorGraph
import Tensors

// MARK: Layouts and kernels

extension Compilation {
  /// Settles the layout of every class and the kernel of every convolution.
  ///
  /// Activations take one layout for the whole network. Weights, and with them momentum, target and
  /// gradients, take the layout of the first convolution that reads them. Pictures take the layout that
  /// the first convolution asks for.
  mutating func chooseLayouts() throws(LoweringError) {
    let weights = weightClasses()
    let pictures = pictureClasses()
    for (index, node) in graph.nodes.enumerated() {
      for result in node.shapes.indices where node.shapes[result].rank == 4 {
        let representative = classes.representative(.init(node: index, result: result))
        if weights.contains(representative) || pictures.contains(representative) { continue }
        storages[representative] = activationStorage(channels: node.shapes[result][1])
      }
    }
    for index in graph.nodes.indices { try chooseKernel(of: index) }
  }

  private func activationStorage(channels: Int) -> Storage {
    let products = activationType == ck_bfloat16 && Compilation.isFolded(graph)
    let blocks = ck_has_avx512() && channels % 16 == 0 && !products
    return blocks ? .blocked(activationType) : .channelsLast(activationType)
  }

  /// Parameters and what is computed of them side by side; float32 in either precision.
  private func weightClasses() -> Set<Graph.Value> {
    var weights: Set<Graph.Value> = []
    for (index, node) in graph.nodes.enumerated() {
      switch node.operation {
      case .convolution, .convolutionInputGradient, .convolutionWithBias:
        weights.insert(classes.representative(node.inputs[1]))
      case .interpolate, .runningAverage, .optimizerUpdate:
        weights.insert(classes.representative(.init(node: index)))
      case .convolutionWeightGradient, .variable:
        if node.shapes[0].rank == 4 { weights.insert(classes.representative(.init(node: index))) }
      default: break
      }
    }
    return weights
  }

  /// Inputs that only convolutions read.
  private func pictureClasses() -> Set<Graph.Value> {
    var pictures: Set<Graph.Value> = []
    for input in graph.inputs where graph.nodes[input.node].shapes[0].rank == 4 {
      let value = Graph.Value(node: input.node)
      let readers = readers.nodes(of: value).map { graph.nodes[$0] }
      let onlyConvolutions = readers.allSatisfy { reader in
        switch reader.operation {
        case .convolution, .convolutionWithBias:
          reader.inputs[0] == value && !reader.inputs.dropFirst().contains(value)
        case .convolutionWeightGradient: reader.inputs[1] == value && reader.inputs[0] != value
        default: false
        }
      }
      if onlyConvolutions { pictures.insert(classes.representative(value)) }
    }
    return pictures
  }

  private mutating func chooseKernel(of index: Int) throws(LoweringError) {
    let node = graph.nodes[index]
    let result = Graph.Value(node: index)
    switch node.operation {
    case .convolution(let stride, let padding):
      own[index] = try ownConvolution(
        .y, x: node.inputs[0], w: node.inputs[1], y: result, stride: stride, padding: padding)
      if own[index] != nil { return }
      let kernel = try forwardKernel(
        x: node.inputs[0], w: node.inputs[1], y: result, stride: stride, padding: padding)
      settle(node.inputs[0], kernel.layout(dnnl_query_src_md))
      settleWeights(node.inputs[1], kernel.layout(dnnl_query_weights_md))
      kernels[index] = kernel
    case .convolutionInputGradient(let stride, let padding, _):
      let (dy, w) = (node.inputs[0], node.inputs[1])
      own[index] = try ownConvolution(
        .dx, x: result, w: w, y: dy, stride: stride, padding: padding)
      if own[index] != nil { return }
      let hint = try forwardKernel(x: result, w: w, y: dy, stride: stride, padding: padding)
      let layouts = try layouts(x: result, w: w, y: dy)
      kernels[index] = try engine.inputGradient(
        layouts, stride: stride, padding: padding, forward: hint)
    case .convolutionWeightGradient(let stride, let padding, _):
      let (dy, x) = (node.inputs[0], node.inputs[1])
      own[index] = try ownConvolution(
        .dw, x: x, w: result, y: dy, stride: stride, padding: padding)
      if own[index] != nil { return }
      let hint = try forwardKernel(x: x, w: result, y: dy, stride: stride, padding: padding)
      settle(x, hint.layout(dnnl_query_src_md))
      kernels[index] = try weightGradientKernel(
        x: x, dw: result, dy: dy, stride: stride, padding: padding, hint)
    case .convolutionWithBias: try chooseInferenceKernel(of: index)
    default: break
    }
  }

  /// Prefers writing the gradient in the layout that the weights already have.
  private mutating func weightGradientKernel(
    x: Graph.Value, dw: Graph.Value, dy: Graph.Value, stride: Int, padding: Int,
    _ hint: PrimitiveDescription
  ) throws(LoweringError) -> PrimitiveDescription {
    var layouts = try layouts(x: x, w: dw, y: dy)
    layouts.w = try MemoryDescription(graph.shape(of: dw), dnnl_f32, dnnl_format_tag_any)
    let free = try engine.weightGradient(
      layouts, stride: stride, padding: padding, forward: hint)
    guard let settled = storages[classes.representative(dw)] else {
      settle(dw, free.layout(dnnl_query_diff_weights_md))
      return free
    }
    layouts.w = try settled.description(of: graph.shape(of: dw))
    let bound = try? engine.weightGradient(
      layouts, stride: stride, padding: padding, forward: hint)
    guard let bound, bound.kernelName == free.kernelName else { return free }
    return bound
  }

  /// The kernel of a convolution. Where oneDNN, free to choose the pictures' layout, ends at its plain loops
  /// (as it does with AVX2), channels last may still have a kernel.
  private func forwardKernel(
    x: Graph.Value, w: Graph.Value, y: Graph.Value, stride: Int, padding: Int
  ) throws(LoweringError) -> PrimitiveDescription {
    let training = !graph.assignments.isEmpty
    var layouts = try layouts(x: x, w: w, y: y)
    let free = try engine.forward(layouts, stride: stride, padding: padding, training: training)
    guard free.isPlainLoops, storages[classes.representative(x)] == nil else { return free }
    layouts.x = try Storage.channelsLast(activationType).description(of: graph.shape(of: x))
    let last = try engine.forward(layouts, stride: stride, padding: padding, training: training)
    return last.isPlainLoops ? free : last
  }

  /// The layouts of a convolution's three tensors: those settled, with the rest left to oneDNN. The
  /// weights are always left to it: they are copied into the kernel's layout once a run where they differ.
  func layouts(x: Graph.Value, w: Graph.Value, y: Graph.Value) throws(LoweringError)
    -> Convolution.Layouts
  {
    let weights = try MemoryDescription(
      graph.shape(of: w), activationType.oneDNN, dnnl_format_tag_any)
    return Convolution.Layouts(x: try activation(x), w: weights, y: try activation(y))
  }

  private func activation(_ value: Graph.Value) throws(LoweringError) -> MemoryDescription {
    let shape = graph.shape(of: value)
    guard let storage = storages[classes.representative(value)] else {
      return try MemoryDescription(shape, activationType.oneDNN, dnnl_format_tag_any)
    }
    return try storage.description(of: shape)
  }

  mutating func settle(_ value: Graph.Value, _ layout: MemoryDescription) {
    settle(value, .kernel(layout))
  }

  mutating func settle(_ value: Graph.Value, _ storage: Storage) {
    let representative = classes.representative(value)
    if storages[representative] == nil { storages[representative] = storage }
  }

  /// In float32 the parameters live in the forward kernel's layout; in bfloat16, where the kernels read
  /// a narrower copy anyway, in that of the weight gradient (or plain where there is none).
  mutating func settleWeights(_ value: Graph.Value, _ layout: MemoryDescription) {
    if activationType == ck_float32 { settle(value, layout) }
  }
}
