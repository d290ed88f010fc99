import HPACommands

HPAFeat.run()
