public import ArgumentParser
public import HPABackbones
public import HPADatasets
public import HPAImages
public import HPAStacker

// What other rooms name by text can be written as an option's value.
extension Folds.Scheme: @retroactive ExpressibleByArgument {}
extension ImageImport.ErrorRule: @retroactive ExpressibleByArgument {}
extension ImageLayout: @retroactive ExpressibleByArgument {}
extension Precision: @retroactive ExpressibleByArgument {}
extension Resize.Method: @retroactive ExpressibleByArgument {}
extension SampleRange: @retroactive ExpressibleByArgument {}
extension StackerConfiguration.Loss: @retroactive ExpressibleByArgument {}
extension TrainingConfiguration.Loss: @retroactive ExpressibleByArgument {}
extension TrainingConfiguration.OptimiserName: @retroactive ExpressibleByArgument {}
extension BatchLoader.Unreadable: @retroactive ExpressibleByArgument {}
