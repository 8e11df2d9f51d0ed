module github.com/tradewind-dev/tradewind/go-sdk

go 1.24
